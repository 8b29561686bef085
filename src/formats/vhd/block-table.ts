import { SECTOR_BYTES } from "./layout.js";

const UNUSED = 0xffff_ffff;

/** The block allocation table: where the bitmap and data of each block are, if anywhere. */
export class BlockTable {
  /** Blocks whose entry was set since the table was read or written. */
  #dirtyFrom = Infinity;
  #dirtyTo = -1;

  /** `bytes` is the table as in the file; it is changed in place. */
  constructor(
    private readonly bytes: Buffer,
    readonly entries: number,
  ) {}

  /** Position of a block in the file; `undefined` when nothing is stored of it. */
  offsetOf(block: number): number | undefined {
    const sector = this.bytes.readUInt32BE(block * 4);
    return sector === UNUSED ? undefined : sector * SECTOR_BYTES;
  }

  set(block: number, offset: number): void {
    this.bytes.writeUInt32BE(offset / SECTOR_BYTES, block * 4);
    this.#dirtyFrom = Math.min(this.#dirtyFrom, block);
    this.#dirtyTo = Math.max(this.#dirtyTo, block);
  }

  /** The part of the table that was changed, and its place in it. */
  changed(): { readonly at: number; readonly bytes: Buffer } | undefined {
    if (this.#dirtyTo < 0) return undefined;
    const [from, to] = [this.#dirtyFrom * 4, this.#dirtyTo * 4 + 4];
    return { at: from, bytes: this.bytes.subarray(from, to) };
  }

  /** Positions of all stored blocks, ascending. */
  sortedOffsets(): Float64Array {
    const found: number[] = [];
    for (let block = 0; block < this.entries; block++) {
      const offset = this.offsetOf(block);
      if (offset !== undefined) found.push(offset);
    }
    return Float64Array.from(found).sort();
  }

  countStored(): number {
    let stored = 0;
    for (let block = 0; block < this.entries; block++)
      if (this.offsetOf(block) !== undefined) stored += 1;
    return stored;
  }
}
