import type { Batmap } from "./batmap.js";
import { runsOfBitmap } from "./bitmap.js";
import type { BlockTable } from "./block-table.js";
import type { ImageFile } from "./image-files.js";
import type { Layer } from "./layer.js";
import { alignUp, SECTOR_BYTES, type SectorRun } from "./layout.js";
import type { SparseHeader } from "./sparse-header.js";

/** Where the parts of a sparse file are. */
export interface SparseLayout {
  readonly header: SparseHeader;
  readonly table: BlockTable;
  readonly batmap?: Batmap;
  /** No block may begin before this. */
  readonly metadataEnd: number;
}

/** The blocks of a dynamic or differencing VHD. */
export class SparseLayer implements Layer {
  readonly blockSectors: number;
  readonly bitmapBytes: number;
  /** What a block takes in the file: its bitmap and its data. */
  readonly storedBytes: number;

  constructor(
    readonly file: ImageFile,
    readonly sizeBytes: number,
    readonly layout: SparseLayout,
  ) {
    this.blockSectors = layout.header.blockBytes / SECTOR_BYTES;
    this.bitmapBytes = alignUp(Math.ceil(this.blockSectors / 8), SECTOR_BYTES);
    this.storedBytes = this.bitmapBytes + layout.header.blockBytes;
  }

  get path(): string {
    return this.file.path;
  }

  async presentRuns(run: SectorRun): Promise<readonly SectorRun[]> {
    const runs: SectorRun[] = [];
    for (const { block, first, count } of this.#pieces(run)) {
      const bitmap = await this.readBitmap(block);
      if (!bitmap) continue;
      const start = block * this.blockSectors;
      for (const found of runsOfBitmap(bitmap, first, count))
        runs.push({ sector: start + found.sector, count: found.count });
    }
    return runs;
  }

  async readSectors(buffer: Buffer, sector: number): Promise<void> {
    const run = { sector, count: buffer.length / SECTOR_BYTES };
    let done = 0;
    for (const { block, first, count } of this.#pieces(run)) {
      const part = buffer.subarray(done, done + count * SECTOR_BYTES);
      const offset = this.layout.table.offsetOf(block);
      if (offset === undefined) part.fill(0);
      else await this.file.read(part, offset + this.bitmapBytes + first * SECTOR_BYTES);
      done += part.length;
    }
  }

  /** Which sectors of a block are present; `undefined` when nothing is stored of it. */
  async readBitmap(block: number): Promise<Buffer | undefined> {
    const offset = this.layout.table.offsetOf(block);
    if (offset === undefined) return undefined;
    const bitmap = Buffer.allocUnsafe(this.bitmapBytes);
    await this.file.read(bitmap, offset);
    return bitmap;
  }

  /** Whether any block that the run touches is stored; asks the table only. */
  touchesStored(run: SectorRun): boolean {
    return this.#pieces(run).some(({ block }) => this.layout.table.offsetOf(block) !== undefined);
  }

  /** The end of the last block. */
  dataEnd(): number {
    const last = this.layout.table.sortedOffsets().at(-1);
    return last === undefined ? this.layout.metadataEnd : last + this.storedBytes;
  }

  close(): Promise<void> {
    return this.file.close();
  }

  /** A run cut at the borders of blocks, and at the end of the disk. */
  #pieces({ sector, count }: SectorRun): { block: number; first: number; count: number }[] {
    const end = Math.min(sector + count, Math.ceil(this.sizeBytes / SECTOR_BYTES));
    const pieces = [];
    for (let at = sector; at < end;) {
      const block = Math.floor(at / this.blockSectors);
      const first = at - block * this.blockSectors;
      const held = Math.min(this.blockSectors - first, end - at);
      pieces.push({ block, first, count: held });
      at += held;
    }
    return pieces;
  }
}
