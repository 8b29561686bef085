import { parseBatmap, type Batmap } from "./batmap.js";
import { assertBatmap, assertBlocks } from "./block-rules.js";
import { BlockTable } from "./block-table.js";
import { damaged } from "./damage.js";
import { isDisabledFooter, parseFooter, tellOneDisk, type VhdFooter } from "./footer.js";
import type { DomsnapError } from "../../core/errors/index.js";
import type { ImageFile, ImageFiles } from "./image-files.js";
import { FlatLayer } from "./layer.js";
import {
  alignUp,
  DEFAULT_BLOCK_BYTES,
  HEADER_BYTES,
  MAX_TABLE_BYTES,
  MIN_BLOCK_BYTES,
  SECTOR_BYTES,
} from "./layout.js";
import { MAX_LOCATOR_BYTES } from "./parent-locator.js";
import { parseSparseHeader, type SparseHeader } from "./sparse-header.js";
import { SparseLayer } from "./sparse-layer.js";

/** Some old writers leave out the last byte. */
const SHORTEST_FOOTER_BYTES = SECTOR_BYTES - 1;

/** A fixed VHD: raw data with a footer behind them. */
export interface FixedVhd {
  readonly kind: "fixed";
  readonly footer: VhdFooter;
  readonly layer: FlatLayer;
}

export interface SparseVhd {
  readonly kind: "sparse";
  /** The one that counts: the trailing footer, or its copy where that is missing. */
  readonly footer: VhdFooter;
  /** The copy at the start of the file. */
  readonly copy?: VhdFooter;
  /**
   * Whether the file ends without a footer: it is open in a tapdisk, or whoever had it open died.
   */
  readonly footerMissing: boolean;
  readonly layer: SparseLayer;
}

export type Vhd = FixedVhd | SparseVhd;

/**
 * Opens a VHD and checks everything that later steps rely on: checksums, sizes, that its footers tell
 * of one disk, and that table, blocks and all sectors that are present lie inside of the file without
 * touching each other. A file that is open in a tapdisk, or that a crash of its user has left, passes;
 * one that an interrupted resize has left does not. Nothing is allocated for a size that the file only
 * claims. The caller closes `layer`. Throws `disk-unsupported` with the reason, `image-missing` for
 * what is neither a file nor a device, and `system-error`.
 */
export async function openVhd(
  files: ImageFiles,
  path: string,
  access: "read" | "write" = "read",
): Promise<Vhd> {
  const file = await files.open(path, access);
  try {
    return await readVhd(file);
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function readVhd(file: ImageFile): Promise<Vhd> {
  const { trailing, copy, fileBytes, disabled } = await readFooters(file);
  if (disabled) throw resizing(file.path);
  if (trailing?.type === "fixed") {
    await assertOneMeaning(file, copy, fileBytes);
    if (trailing.sizeBytes > fileBytes - SHORTEST_FOOTER_BYTES)
      throw damaged(file.path, "it is shorter than the disk that it holds");
    return {
      kind: "fixed",
      footer: trailing,
      layer: new FlatLayer(file, trailing.sizeBytes),
    };
  }
  const claimed = copy && copy.type !== "fixed" ? copy : undefined;
  const footer = trailing ?? claimed;
  if (!footer) throw damaged(file.path, "it is not a VHD, or both of its footers are damaged");
  const layer = await readSparse(file, footer, fileBytes);
  // What a guest wrote into the last block may look like a footer.
  const footerMissing = !trailing || layer.dataEnd() > fileBytes - SHORTEST_FOOTER_BYTES;
  const valid = footerMissing ? claimed : footer;
  if (!valid) throw damaged(file.path, "its footers are damaged");
  if (trailing && copy && !footerMissing) assertOneDisk(file.path, trailing, copy);
  return {
    kind: "sparse",
    footer: valid,
    footerMissing,
    layer,
    ...(claimed ? { copy: claimed } : {}),
  };
}

/** The footer at the end of a file and its copy at the start, each if it is one. */
export async function readFooters(file: ImageFile) {
  const fileBytes = await file.sizeBytes();
  const start = Buffer.alloc(SECTOR_BYTES);
  await file.read(start, 0);
  const isShort = fileBytes % SECTOR_BYTES === SHORTEST_FOOTER_BYTES;
  const end = Buffer.alloc(isShort ? SHORTEST_FOOTER_BYTES : SECTOR_BYTES);
  const footerAt = fileBytes - end.length;
  if (footerAt < 0) return { fileBytes };
  await file.read(end, footerAt);
  const disabled = isDisabledFooter(start) || (isDisabledFooter(end) && !parseFooter(start));
  return { trailing: parseFooter(end), copy: parseFooter(start), fileBytes, disabled };
}

/** A flipped bit fails a checksum: footers that are sound and differ are the work of a program. */
function assertOneDisk(path: string, trailing: VhdFooter, copy: VhdFooter): void {
  if (tellOneDisk(trailing, copy)) return;
  throw damaged(
    path,
    "its two footers tell of different disks, as when a change of its size was interrupted",
    "Restore the file from a backup.",
  );
}

function resizing(path: string): DomsnapError {
  return damaged(
    path,
    "'vhd-util resize' was interrupted in it",
    `Run 'vhd-util revert -n ${path} -j JOURNAL' with the journal that was named to it.`,
  );
}

/**
 * A guest may write a whole VHD into its fixed disk, and a footer of a fixed one into the last
 * sector of a dynamic disk. Only where the two cannot be told apart the file is refused.
 */
async function assertOneMeaning(
  file: ImageFile,
  copy: VhdFooter | undefined,
  fileBytes: number,
): Promise<void> {
  if (!copy || copy.type === "fixed") return;
  const sparse = await readLayout(file, copy, fileBytes).catch(() => undefined);
  if (sparse && sparse.dataEnd() > fileBytes - SHORTEST_FOOTER_BYTES)
    throw damaged(file.path, "it can be read as a fixed VHD and as a dynamic one");
}

async function readSparse(
  file: ImageFile,
  footer: VhdFooter,
  fileBytes: number,
): Promise<SparseLayer> {
  const layer = await readLayout(file, footer, fileBytes);
  await assertBlocks(layer, footer, fileBytes);
  await assertBatmap(layer);
  return layer;
}

/** Where everything is, as the headers say; the blocks are not looked at. */
async function readLayout(
  file: ImageFile,
  footer: VhdFooter,
  fileBytes: number,
): Promise<SparseLayer> {
  const bytes = Buffer.alloc(HEADER_BYTES);
  await file.read(bytes, footer.headerAt ?? 0);
  const header = parseSparseHeader(bytes);
  if (!header) throw damaged(file.path, "its sparse header is damaged");
  assertHeader(file.path, header, footer, fileBytes);
  const tableBytes = alignUp(header.tableEntries * 4, SECTOR_BYTES);
  const tableEnd = header.tableAt + tableBytes;
  const batmap = await readBatmap(file, footer, tableEnd, fileBytes);
  const table = Buffer.alloc(tableBytes);
  await file.read(table, header.tableAt);
  return new SparseLayer(file, footer.sizeBytes, {
    header,
    table: new BlockTable(table, header.tableEntries),
    metadataEnd: metadataEnd(header, footer, tableEnd, batmap),
    ...(batmap ? { batmap } : {}),
  });
}

function assertHeader(
  path: string,
  header: SparseHeader,
  footer: VhdFooter,
  fileBytes: number,
): void {
  const { blockBytes, tableEntries, tableAt } = header;
  const isPowerOfTwo = (blockBytes & (blockBytes - 1)) === 0;
  if (!isPowerOfTwo || blockBytes < MIN_BLOCK_BYTES || blockBytes > DEFAULT_BLOCK_BYTES)
    throw damaged(path, `its block size of ${blockBytes} bytes is not possible`);
  if (footer.sizeBytes > tableEntries * blockBytes)
    throw damaged(path, "its block table is too short for its disk");
  if (tableEntries * 4 > MAX_TABLE_BYTES || tableAt + tableEntries * 4 > fileBytes)
    throw damaged(path, `its block table of ${tableEntries} entries does not fit into the file`);
  if (tableAt < HEADER_BYTES || tableAt % SECTOR_BYTES !== 0)
    throw damaged(path, "its block table lies in its header");
  for (const { lengthBytes, offset } of header.locators)
    if (lengthBytes > MAX_LOCATOR_BYTES || offset + lengthBytes > fileBytes)
      throw damaged(path, "a path to its parent lies outside of the file");
}

/** Only tapdisk's tools write a batmap, right behind the table: always, since version 1.2. */
async function readBatmap(
  file: ImageFile,
  { creator, creatorVersion }: VhdFooter,
  at: number,
  fileBytes: number,
): Promise<Batmap | undefined> {
  if (creator !== "tap\0" || creatorVersion < 0x0001_0001) return undefined;
  const bytes = Buffer.alloc(SECTOR_BYTES);
  await file.read(bytes, at);
  const batmap = parseBatmap(bytes, at);
  return batmap && batmap.mapAt + batmap.mapBytes <= fileBytes ? batmap : undefined;
}

function metadataEnd(
  header: SparseHeader,
  footer: VhdFooter,
  tableEnd: number,
  batmap: Batmap | undefined,
): number {
  return Math.max(
    (footer.headerAt ?? 0) + HEADER_BYTES,
    tableEnd,
    ...(batmap ? [batmap.headerAt + SECTOR_BYTES, batmap.mapAt + batmap.mapBytes] : []),
    ...header.locators.map(({ offset, spaceBytes, lengthBytes }) =>
      alignUp(offset + Math.max(lengthBytes, Math.min(spaceBytes, SECTOR_BYTES)), SECTOR_BYTES),
    ),
  );
}
