import { isBatmapSound, isMarkedFull } from "./batmap.js";
import { damaged } from "./damage.js";
import type { VhdFooter } from "./footer.js";
import { DATA_ALIGNMENT_BYTES, SECTOR_BYTES } from "./layout.js";
import type { SparseLayer } from "./sparse-layer.js";

const BACKUP = "Restore the file from a backup.";

/**
 * Every block lies inside of the file and apart from all others, and so does every sector of it that
 * is present. The table has no checksum: what its writers always keep to is what tells of a flipped
 * bit. Throws `disk-unsupported`.
 */
export async function assertBlocks(
  layer: SparseLayer,
  footer: VhdFooter,
  fileBytes: number,
): Promise<void> {
  const offsets = layer.layout.table.sortedOffsets();
  assertPlaces(layer, offsets, fileBytes);
  assertAligned(layer, offsets, footer);
  await assertFooterFree(layer, offsets, footer, fileBytes);
  await assertSectorsInside(layer, fileBytes);
}

function assertPlaces(layer: SparseLayer, offsets: Float64Array, fileBytes: number): void {
  const { metadataEnd } = layer.layout;
  let free = metadataEnd;
  for (const offset of offsets) {
    if (offset < metadataEnd)
      throw damaged(
        layer.path,
        "a block lies in the same place as its tables, which is how QEMU leaves a VHD that stands on another when it writes to it",
        "Go back to a snapshot, which makes a new overlay, or restore the file from a backup.",
      );
    if (offset < free) throw damaged(layer.path, "two of its parts lie in the same place", BACKUP);
    if (offset + layer.bitmapBytes > fileBytes)
      throw damaged(layer.path, "a block lies outside of the file", BACKUP);
    free = offset + layer.storedBytes;
  }
}

/** tapdisk and its tools place data on pages, always: a block beside one is where nothing was written. */
function assertAligned(layer: SparseLayer, offsets: Float64Array, { creator }: VhdFooter): void {
  if (creator !== "tap\0") return;
  for (const offset of offsets)
    if ((offset + layer.bitmapBytes) % DATA_ALIGNMENT_BYTES !== 0)
      throw damaged(layer.path, "a block lies where tapdisk places none", BACKUP);
}

/** Whoever adds a block writes over the footer, so one that still stands at the end is no part of it. */
async function assertFooterFree(
  layer: SparseLayer,
  offsets: Float64Array,
  footer: VhdFooter,
  fileBytes: number,
): Promise<void> {
  const last = offsets.at(-1);
  const footerAt = fileBytes - SECTOR_BYTES;
  if (last === undefined || last + layer.storedBytes <= footerAt) return;
  const [start, end] = [Buffer.alloc(SECTOR_BYTES), Buffer.alloc(SECTOR_BYTES)];
  await layer.file.read(start, 0);
  await layer.file.read(end, footerAt);
  if (start.equals(footer.bytes) && end.equals(footer.bytes))
    throw damaged(layer.path, "a block lies where its footer is", BACKUP);
}

/**
 * A tapdisk extends its file as the guest writes, so that the last block may end behind the end of
 * the file; but a sector is written before it is called present.
 */
async function assertSectorsInside(layer: SparseLayer, fileBytes: number): Promise<void> {
  const { table } = layer.layout;
  for (let block = 0; block < table.entries; block++) {
    const offset = table.offsetOf(block);
    if (offset === undefined || offset + layer.storedBytes <= fileBytes) continue;
    const first = block * layer.blockSectors;
    const present = await layer.presentRuns({ sector: first, count: layer.blockSectors });
    const last = present.at(-1);
    if (last === undefined) continue;
    const endSector = last.sector + last.count - first;
    if (offset + layer.bitmapBytes + endSector * SECTOR_BYTES > fileBytes)
      throw damaged(
        layer.path,
        "it was cut off: it does not hold all sectors that it says it does",
        BACKUP,
      );
  }
}

/** tapdisk calls a block full only after it has stored it. Throws `disk-unsupported`. */
export async function assertBatmap(layer: SparseLayer): Promise<void> {
  const { batmap, table } = layer.layout;
  if (!batmap) return;
  const header = Buffer.alloc(SECTOR_BYTES);
  const map = Buffer.alloc(batmap.mapBytes);
  await layer.file.read(header, batmap.headerAt);
  await layer.file.read(map, batmap.mapAt);
  // One with a wrong checksum is believed by nobody.
  if (!isBatmapSound(header, map, layer.sizeBytes)) return;
  for (let block = 0; block < table.entries; block++)
    if (isMarkedFull(map, block) && table.offsetOf(block) === undefined)
      throw damaged(layer.path, "its table has lost a block that it once held in full", BACKUP);
}
