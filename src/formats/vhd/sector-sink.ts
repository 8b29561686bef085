import { isMarkedFull, markFull, resealBatmap, type Batmap } from "./batmap.js";
import { runsOfBitmap, setBits, uncovered } from "./bitmap.js";
import { damaged } from "./damage.js";
import type { ImageFile } from "./image-files.js";
import type { FlatLayer } from "./layer.js";
import {
  alignUp,
  DATA_ALIGNMENT_BYTES,
  DEFAULT_BLOCK_BYTES,
  SECTOR_BYTES,
  type SectorRun,
} from "./layout.js";
import type { SparseVhd } from "./open-vhd.js";

/** Takes sectors, unit by unit. Each unit is put once; different units at the same time. */
export interface SectorSink {
  readonly file: ImageFile;
  readonly unitSectors: number;
  /** Bytes that the caller leaves free before the data of a unit. */
  readonly roomBytes: number;
  /** Writes some sectors of a unit; `buffer` is the room and the whole unit, and may be changed. */
  put(unit: number, buffer: Buffer, runs: readonly SectorRun[]): Promise<void>;
  /** Makes everything durable. Until then the file may look unchanged. */
  finish(): Promise<void>;
}

/** Writes in place: raw images and fixed VHDs. */
export class FlatSink implements SectorSink {
  readonly unitSectors = DEFAULT_BLOCK_BYTES / SECTOR_BYTES;
  readonly roomBytes = 0;

  constructor(private readonly layer: FlatLayer) {}

  get file(): ImageFile {
    return this.layer.file;
  }

  put(unit: number, buffer: Buffer, runs: readonly SectorRun[]): Promise<void> {
    return writeRuns(this, this.layer, unit, buffer, runs, unit * this.unitSectors * SECTOR_BYTES);
  }

  finish(): Promise<void> {
    return this.file.sync();
  }
}

/**
 * Writes into a dynamic or differencing VHD. New blocks are appended over the trailing footer;
 * only when their data are on the disk the table names them, and then the footer follows. Dying in
 * between leaves a file that `repairVhd` and the next sink accept, with the copy of the footer at
 * its start.
 */
export class SparseSink implements SectorSink {
  readonly unitSectors: number;
  readonly roomBytes: number;
  readonly #blockBytes: number;
  #end: number;
  readonly #newlyFull: number[] = [];

  /** `image` is open for writing and has a good copy of its footer at the start. */
  constructor(private readonly image: SparseVhd) {
    const { layer } = image;
    this.unitSectors = layer.blockSectors;
    this.roomBytes = layer.bitmapBytes;
    this.#blockBytes = layer.layout.header.blockBytes;
    this.#end = layer.dataEnd();
  }

  get file(): ImageFile {
    return this.image.layer.file;
  }

  async put(block: number, buffer: Buffer, runs: readonly SectorRun[]): Promise<void> {
    const { layer } = this.image;
    const offset = layer.layout.table.offsetOf(block);
    if (offset === undefined) return this.#append(block, buffer, runs);
    const bitmap = (await layer.readBitmap(block)) ?? Buffer.alloc(this.roomBytes);
    await writeRuns(this, layer, block, buffer, runs, offset + this.roomBytes);
    if (this.#mark(block, bitmap, runs)) await layer.file.write(bitmap, offset);
  }

  async finish(): Promise<void> {
    const { file } = this;
    const { layout } = this.image.layer;
    await file.sync();
    const change = layout.table.changed();
    if (change) {
      await file.write(change.bytes, layout.header.tableAt + change.at);
      // Neither a batmap nor a footer may tell of blocks that the table does not have yet.
      await file.sync();
    }
    if (layout.batmap && this.#newlyFull.length > 0) await this.#writeBatmap(layout.batmap);
    if (change || this.image.footerMissing) {
      await file.truncate(this.#end);
      await file.write(this.image.footer.bytes, this.#end);
    }
    await file.sync();
  }

  async #append(block: number, buffer: Buffer, runs: readonly SectorRun[]): Promise<void> {
    const { layer } = this.image;
    const dataAt = alignUp(this.#end + this.roomBytes, DATA_ALIGNMENT_BYTES);
    const offset = dataAt - this.roomBytes;
    if (offset / SECTOR_BYTES >= 0xffff_ffff)
      throw damaged(layer.path, "the format ends at 2 TiB, and the file has grown to it");
    this.#end = dataAt + this.#blockBytes;
    layer.layout.table.set(block, offset);
    const bitmap = buffer.subarray(0, this.roomBytes).fill(0);
    // QEMU reads absent sectors of a block as well, so they must not hold anything.
    const first = block * this.unitSectors;
    for (const { sector, count } of uncovered({ sector: first, count: this.unitSectors }, runs)) {
      const at = this.roomBytes + (sector - first) * SECTOR_BYTES;
      buffer.fill(0, at, at + count * SECTOR_BYTES);
    }
    this.#mark(block, bitmap, runs);
    await layer.file.write(buffer.subarray(0, this.roomBytes + this.#blockBytes), offset);
  }

  /** Sets the bits of some runs, and says whether that changed anything. */
  #mark(block: number, bitmap: Buffer, runs: readonly SectorRun[]): boolean {
    const first = block * this.unitSectors;
    const before = Buffer.from(bitmap);
    for (const { sector, count } of runs) setBits(bitmap, { sector: sector - first, count });
    const [whole] = runsOfBitmap(bitmap, 0, this.unitSectors);
    if (whole?.count === this.unitSectors) this.#newlyFull.push(block);
    return !before.equals(bitmap);
  }

  async #writeBatmap({ headerAt, mapAt, mapBytes }: Batmap): Promise<void> {
    const { file, sizeBytes } = this.image.layer;
    const header = Buffer.alloc(SECTOR_BYTES);
    const map = Buffer.alloc(mapBytes);
    await file.read(header, headerAt);
    await file.read(map, mapAt);
    if (this.#newlyFull.every((block) => isMarkedFull(map, block))) return;
    for (const block of this.#newlyFull) markFull(map, block);
    await file.write(map, mapAt);
    await file.write(resealBatmap(header, map, sizeBytes), headerAt);
  }
}

async function writeRuns(
  { unitSectors, roomBytes }: SectorSink,
  { file }: Pick<FlatLayer, "file">,
  unit: number,
  buffer: Buffer,
  runs: readonly SectorRun[],
  unitAt: number,
): Promise<void> {
  for (const { sector, count } of runs) {
    const at = (sector - unit * unitSectors) * SECTOR_BYTES;
    const data = buffer.subarray(roomBytes + at, roomBytes + at + count * SECTOR_BYTES);
    await file.write(data, unitAt + at);
  }
}
