import { withImageFile, type ReadAt } from "../../host/bounded-read.js";

/** A snapshot that a qcow2 image holds, read natively: no tool, no lock. */
export interface Qcow2Snapshot {
  readonly id: string;
  readonly tag: string;
}

export interface TableEntry extends Qcow2Snapshot {
  readonly l1Offset: number;
  readonly l1Entries: number;
}

/** QEMU's limits; a header beyond them is not read. */
const MAX_SNAPSHOTS = 65_536;
const MAX_TABLE_BYTES = 16 * 1024 * 1024;
export const MAX_L1_BYTES = 32 * 1024 * 1024;

const MAGIC = 0x514649fb;
const HEADER_BYTES = 72;
const ENTRY_FIXED_BYTES = 40;
/** More than QEMU writes for one: 40 fixed, 24 extra, an id and a tag below 256 each. */
const TYPICAL_ENTRY_BYTES = 1024;
/** Bits of an L1 entry that are an offset; the others are flags. */
const L1_OFFSET_MASK = 0x00ff_ffff_ffff_fe00n;

/** The internal snapshots of an image; none for what is no qcow2 image. Throws `system-error`. */
export async function readSnapshotTable(path: string): Promise<readonly Qcow2Snapshot[]> {
  return (
    (await withImageFile(path, async (readAt) => readTable(await readHeader(readAt), readAt))) ?? []
  );
}

/**
 * Whether the guest's present state in a qcow2 image is exactly what an internal snapshot of it
 * holds, with nothing written since. Compares the two mapping tables, which share all clusters
 * right after a snapshot or a revert and part at the first write; no data are read. The image must
 * not be in use. Throws `system-error`.
 */
export async function isPresentState(path: string, snapshotId: string): Promise<boolean> {
  const same = await withImageFile(path, async (readAt) => {
    const header = await readHeader(readAt);
    const entry = (await readTable(header, readAt)).find(({ id }) => id === snapshotId);
    if (!header || !entry) return false;
    const kept = await readL1(entry.l1Offset, entry.l1Entries, readAt);
    const active = await readL1(
      Number(header.readBigUInt64BE(40)),
      header.readUInt32BE(36),
      readAt,
    );
    return kept !== undefined && active !== undefined && sameMapping(kept, active);
  });
  return same ?? false;
}

/** The first bytes of a qcow2 image, at least its fixed part of version 2; undefined for any other. */
export async function readHeader(
  readAt: ReadAt,
  length = HEADER_BYTES,
): Promise<Buffer | undefined> {
  const header = await readAt(0, length);
  return header.length === length && header.readUInt32BE(0) === MAGIC ? header : undefined;
}

/** The internal snapshots with the places of their tables; fewer than told where they cannot be read. */
export async function readTable(header: Buffer | undefined, readAt: ReadAt): Promise<TableEntry[]> {
  const count = header?.readUInt32BE(60) ?? 0;
  const tableOffset = Number(header?.readBigUInt64BE(64) ?? 0n);
  if (count === 0 || count > MAX_SNAPSHOTS || !Number.isSafeInteger(tableOffset)) return [];
  const table = await readAt(tableOffset, Math.min(count * TYPICAL_ENTRY_BYTES, MAX_TABLE_BYTES));
  const entries: TableEntry[] = [];
  let at = 0;
  while (entries.length < count && at + ENTRY_FIXED_BYTES <= table.length) {
    const idAt = at + ENTRY_FIXED_BYTES + table.readUInt32BE(at + 36);
    const tagAt = idAt + table.readUInt16BE(at + 12);
    const end = tagAt + table.readUInt16BE(at + 14);
    if (end > table.length) break;
    entries.push({
      id: table.toString("utf8", idAt, tagAt),
      tag: table.toString("utf8", tagAt, end),
      l1Offset: Number(table.readBigUInt64BE(at)),
      l1Entries: table.readUInt32BE(at + 8),
    });
    at = Math.ceil(end / 8) * 8;
  }
  return entries;
}

async function readL1(
  offset: number,
  entries: number,
  readAt: ReadAt,
): Promise<Buffer | undefined> {
  const bytes = entries * 8;
  if (bytes > MAX_L1_BYTES || !Number.isSafeInteger(offset)) return undefined;
  const table = await readAt(offset, bytes);
  return table.length === bytes ? table : undefined;
}

/** Equal but for flags, and for empty entries at the end of the longer table. */
function sameMapping(one: Buffer, other: Buffer): boolean {
  const entries = Math.max(one.length, other.length) / 8;
  for (let index = 0; index < entries; index++)
    if (offsetAt(one, index) !== offsetAt(other, index)) return false;
  return true;
}

function offsetAt(table: Buffer, index: number): bigint {
  return index * 8 < table.length ? table.readBigUInt64BE(index * 8) & L1_OFFSET_MASK : 0n;
}
