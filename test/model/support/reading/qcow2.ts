import { readFileSync } from "node:fs";

/**
 * A naive reader of QEMU's format on whole buffers, made from the format's description alone. Shares
 * no code with the program under test.
 */

const MAGIC = 0x514649fb;
const OFFSET_MASK = 0x00fffffffffffe00n;
const COMPRESSED = 1n << 62n;
const READS_AS_ZERO = 1n;
const BACKING_FORMAT = 0xe2792aca;

/** One image file of a chain. */
export interface Qcow2 {
  readonly sizeBytes: number;
  /** As it is written there. */
  readonly backing?: { readonly name: string; readonly format: string | undefined };
  readonly snapshots: readonly Qcow2Snapshot[];
  /** What the image holds itself; `below` is what it stands on. */
  content(below: Buffer, snapshot?: Qcow2Snapshot): Buffer;
}

export interface Qcow2Snapshot {
  readonly id: string;
  readonly tag: string;
  readonly tableAt: number;
  readonly entries: number;
}

/** Throws for what is no qcow2 and for compressed clusters. */
export function readQcow2(path: string): Qcow2 {
  const file = readFileSync(path);
  if (file.length < 72 || file.readUInt32BE(0) !== MAGIC) throw unreadable(path, "is no qcow2");
  const sizeBytes = Number(file.readBigUInt64BE(24));
  const active = { tableAt: Number(file.readBigUInt64BE(40)), entries: file.readUInt32BE(36) };
  const backing = backingOf(file);
  return {
    sizeBytes,
    ...(backing ? { backing } : {}),
    snapshots: [...snapshotsIn(file)],
    content(below, snapshot) {
      const content = Buffer.alloc(sizeBytes);
      below.copy(content);
      for (const { at, from } of clustersIn(file, path, snapshot ?? active))
        if (from === undefined) content.fill(0, at, at + clusterBytes(file));
        else {
          // A file may end within its last cluster.
          content.fill(0, at, at + clusterBytes(file));
          file.copy(content, at, from, from + clusterBytes(file));
        }
      return content;
    },
  };
}

function clusterBytes(file: Buffer): number {
  return 2 ** file.readUInt32BE(20);
}

function backingOf(file: Buffer): Qcow2["backing"] {
  const at = Number(file.readBigUInt64BE(8));
  if (at === 0) return undefined;
  const name = file.toString("utf8", at, at + file.readUInt32BE(16));
  return { name, format: backingFormatOf(file) };
}

function backingFormatOf(file: Buffer): string | undefined {
  let at = file.readUInt32BE(4) >= 3 ? file.readUInt32BE(100) : 72;
  for (;;) {
    const type = file.readUInt32BE(at);
    const length = file.readUInt32BE(at + 4);
    if (type === 0) return undefined;
    if (type === BACKING_FORMAT) return file.toString("utf8", at + 8, at + 8 + length);
    at += 8 + Math.ceil(length / 8) * 8;
  }
}

function* snapshotsIn(file: Buffer): Generator<Qcow2Snapshot> {
  let at = Number(file.readBigUInt64BE(64));
  for (let left = file.readUInt32BE(60); left > 0; left--) {
    const idBytes = file.readUInt16BE(at + 12);
    const tagBytes = file.readUInt16BE(at + 14);
    const idAt = at + 40 + file.readUInt32BE(at + 36);
    yield {
      id: file.toString("utf8", idAt, idAt + idBytes),
      tag: file.toString("utf8", idAt + idBytes, idAt + idBytes + tagBytes),
      tableAt: Number(file.readBigUInt64BE(at)),
      entries: file.readUInt32BE(at + 8),
    };
    at = Math.ceil((idAt + idBytes + tagBytes) / 8) * 8;
  }
}

/** The clusters that a table leads to: where they are in the disk, and where in the file. */
function* clustersIn(
  file: Buffer,
  path: string,
  { tableAt, entries }: Pick<Qcow2Snapshot, "tableAt" | "entries">,
): Generator<{ readonly at: number; readonly from?: number }> {
  const bytes = clusterBytes(file);
  const perTable = bytes / 8;
  for (let upper = 0; upper < entries; upper++) {
    const lowerAt = Number(file.readBigUInt64BE(tableAt + upper * 8) & OFFSET_MASK);
    if (lowerAt === 0) continue;
    for (let lower = 0; lower < perTable; lower++) {
      const entry = file.readBigUInt64BE(lowerAt + lower * 8);
      const at = (upper * perTable + lower) * bytes;
      if ((entry & COMPRESSED) !== 0n) throw unreadable(path, "has compressed clusters");
      if ((entry & READS_AS_ZERO) !== 0n) yield { at };
      else if ((entry & OFFSET_MASK) !== 0n) yield { at, from: Number(entry & OFFSET_MASK) };
    }
  }
}

/** As the system tells it, with the path. */
export function unreadable(path: string, reason: string): Error {
  return Object.assign(new Error(`'${path}' ${reason}`), { path });
}
