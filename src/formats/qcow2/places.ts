import { withImageFile, type ReadAt } from "../../host/bounded-read.js";
import { readHeader, readTable, MAX_L1_BYTES } from "./snapshot-table.js";

/** Bits of an entry that are an offset. */
const OFFSET_MASK = 0x00ff_ffff_ffff_fe00n;
/** Nothing else refers to the cluster. */
const IS_SOLE = 1n << 63n;
const COMPRESSED = 1n << 62n;
const READS_AS_ZERO = 1n;
const EXTENDED_ENTRIES = 0x10n;
const SUBCLUSTERS = 32;
const SECTOR_BYTES = 512;

const MIN_CLUSTER_BITS = 9;
const MAX_CLUSTER_BITS = 21;

interface Layout {
  readonly clusterBits: number;
  readonly clusterBytes: number;
  readonly sizeBytes: number;
  readonly isExtended: boolean;
  readonly fileBytes: number;
}

/**
 * The first thing in the tables of a qcow2 image that cannot be, as a sentence: a part that lies
 * behind the end of the file, as when a file was cut off or its header damaged (QEMU reads zeroes
 * there), or an entry that leads nowhere. All states are looked at, those of internal snapshots
 * included. Reads every table and no data; the image must not be in use. Undefined for a whole image,
 * and for what is no qcow2 image. Throws `system-error`.
 */
export function findMisplaced(path: string, fileBytes: number): Promise<string | undefined> {
  return withImageFile(path, async (readAt) => {
    const header = await readHeader(readAt, 104);
    if (!header) return undefined;
    const clusterBits = header.readUInt32BE(20);
    // QEMU refuses it, in its own words.
    if (clusterBits < MIN_CLUSTER_BITS || clusterBits > MAX_CLUSTER_BITS) return undefined;
    const features = header.readUInt32BE(4) >= 3 ? header.readBigUInt64BE(72) : 0n;
    const layout: Layout = {
      clusterBits,
      clusterBytes: 2 ** clusterBits,
      sizeBytes: Number(header.readBigUInt64BE(24)),
      isExtended: (features & EXTENDED_ENTRIES) !== 0n,
      fileBytes,
    };
    return new PlaceCheck(readAt, layout).run(header);
  });
}

/** Looks at each table once, however many snapshots share it. */
class PlaceCheck {
  readonly #seen = new Set<number>();

  constructor(
    private readonly readAt: ReadAt,
    private readonly layout: Layout,
  ) {}

  async run(header: Buffer): Promise<string | undefined> {
    const refcountTable = {
      offset: Number(header.readBigUInt64BE(48)),
      bytes: header.readUInt32BE(56) * this.layout.clusterBytes,
    };
    const snapshots = await readTable(header, this.readAt);
    if (snapshots.length < header.readUInt32BE(60))
      return `it tells of ${header.readUInt32BE(60)} snapshots, and holds ${snapshots.length}`;
    const active = {
      l1Offset: Number(header.readBigUInt64BE(40)),
      l1Entries: header.readUInt32BE(36),
    };
    return (
      this.#outside("a table", refcountTable.offset + refcountTable.bytes) ??
      (await this.#ofStates([active, ...snapshots]))
    );
  }

  async #ofStates(
    states: readonly { readonly l1Offset: number; readonly l1Entries: number }[],
  ): Promise<string | undefined> {
    for (const { l1Offset, l1Entries } of states) {
      const bytes = l1Entries * 8;
      const outside = this.#outside("a table", l1Offset + bytes);
      if (outside) return outside;
      if (bytes > MAX_L1_BYTES) continue;
      const table = await this.readAt(l1Offset, bytes);
      for (let index = 0; index < l1Entries; index++) {
        const offset = Number(table.readBigUInt64BE(index * 8) & OFFSET_MASK);
        const missing = await this.#ofL2(offset, index);
        if (missing) return missing;
      }
    }
    return undefined;
  }

  async #ofL2(offset: number, index: number): Promise<string | undefined> {
    if (offset === 0 || this.#seen.has(offset)) return undefined;
    this.#seen.add(offset);
    const { clusterBytes, isExtended } = this.layout;
    const outside = this.#outside("a table", offset + clusterBytes);
    if (outside) return outside;
    const table = await this.readAt(offset, clusterBytes);
    const entryBytes = isExtended ? 16 : 8;
    const entries = clusterBytes / entryBytes;
    for (let at = 0; at < entries; at++) {
      const entry = table.readBigUInt64BE(at * entryBytes);
      if (entry === 0n) continue;
      const guestOffset = (index * entries + at) * clusterBytes;
      const stored = isExtended ? table.readUInt32BE(at * entryBytes + 12) : undefined;
      const missing = this.#ofCluster(entry, guestOffset, stored);
      if (missing) return missing;
    }
    return undefined;
  }

  /** `stored`: which parts of the cluster are, where it has parts. */
  #ofCluster(entry: bigint, guestOffset: number, stored?: number): string | undefined {
    if ((entry & COMPRESSED) !== 0n) return this.#outside("data", this.#compressedEnd(entry));
    const offset = Number(entry & OFFSET_MASK);
    const readsAsZero = stored === undefined && (entry & READS_AS_ZERO) !== 0n;
    if (offset === 0 && (entry & IS_SOLE) !== 0n && !readsAsZero)
      return "one of its clusters is said to be there, and not where";
    if (offset === 0 || readsAsZero) return undefined;
    const { clusterBytes, sizeBytes } = this.layout;
    const parts = stored === undefined ? SUBCLUSTERS : SUBCLUSTERS - Math.clz32(stored);
    const held = Math.min((clusterBytes / SUBCLUSTERS) * parts, sizeBytes - guestOffset);
    return held > 0 ? this.#outside("data", offset + held) : undefined;
  }

  /** Its last sector may be shorter at the end of the file. */
  #compressedEnd(entry: bigint): number {
    const offsetBits = BigInt(62 - (this.layout.clusterBits - 8));
    const offset = Number(entry & ((1n << offsetBits) - 1n));
    const sectors = Number((entry & (COMPRESSED - 1n)) >> offsetBits);
    const start = offset - (offset % SECTOR_BYTES);
    return Math.max(offset, start + sectors * SECTOR_BYTES) + 1;
  }

  #outside(what: string, end: number): string | undefined {
    const { fileBytes } = this.layout;
    if (end <= fileBytes) return undefined;
    return `${what} of it would end at ${end}, and the file ends at ${fileBytes}`;
  }
}
