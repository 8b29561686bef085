import { withImageFile, type ReadAt } from "./bounded-read.js";

/** An entry of a qcow2 snapshot table, as far as comparing states needs it. */
interface TableEntry {
  readonly id: string;
  readonly l1Offset: number;
  readonly l1Entries: number;
}

/** QEMU's limits; a header beyond them is not read. */
const MAX_SNAPSHOTS = 65_536;
const MAX_TABLE_BYTES = 16 * 1024 * 1024;
const MAX_L1_BYTES = 32 * 1024 * 1024;

const ENTRY_FIXED_BYTES = 40;
/** Bits of an L1 entry that are an offset; the others are flags. */
const L1_OFFSET_MASK = 0x00ff_ffff_ffff_fe00n;

/**
 * Whether the guest's present state in a qcow2 image is exactly what an internal snapshot of it
 * holds, with nothing written since. Compares the two mapping tables, which share all clusters
 * right after a snapshot or a revert and part at the first write; no data are read. The image must
 * not be in use. Throws `system-error`.
 */
export async function isPresentState(path: string, snapshotId: string): Promise<boolean> {
  const same = await withImageFile(path, async (readAt) => {
    const header = await readAt(0, 72);
    if (header.length < 72) return false;
    const entry = await findEntry(header, snapshotId, readAt);
    if (!entry) return false;
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

async function findEntry(
  header: Buffer,
  id: string,
  readAt: ReadAt,
): Promise<TableEntry | undefined> {
  const count = header.readUInt32BE(60);
  const tableOffset = Number(header.readBigUInt64BE(64));
  if (count > MAX_SNAPSHOTS || !Number.isSafeInteger(tableOffset)) return undefined;
  const table = await readAt(tableOffset, Math.min(count * 2048, MAX_TABLE_BYTES));
  let at = 0;
  for (let index = 0; index < count && at + ENTRY_FIXED_BYTES <= table.length; index++) {
    const idBytes = table.readUInt16BE(at + 12);
    const nameBytes = table.readUInt16BE(at + 14);
    const extraBytes = table.readUInt32BE(at + 36);
    const idAt = at + ENTRY_FIXED_BYTES + extraBytes;
    if (idAt + idBytes > table.length) return undefined;
    if (table.toString("utf8", idAt, idAt + idBytes) === id)
      return {
        id,
        l1Offset: Number(table.readBigUInt64BE(at)),
        l1Entries: table.readUInt32BE(at + 8),
      };
    at = Math.ceil((idAt + idBytes + nameBytes) / 8) * 8;
  }
  return undefined;
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
