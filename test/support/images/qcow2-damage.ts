import { readFileSync, writeFileSync } from "node:fs";

const OFFSET_MASK = 0x00ff_ffff_ffff_fe00n;
const CLUSTER_BYTES = 64 * 1024;
const FEATURES_AT = 72;

/** Changes the bytes of a file in place. */
export function editBytes(path: string, change: (bytes: Buffer) => void): void {
  const bytes = readFileSync(path);
  change(bytes);
  writeFileSync(path, bytes);
}

/** What QEMU does when it finds a contradiction while a guest runs. */
export function markCorrupt(bytes: Buffer): void {
  bytes.writeBigUInt64BE(bytes.readBigUInt64BE(FEATURES_AT) | 2n, FEATURES_AT);
}

/** One cluster of the guest's counts one reference more than there are, or one fewer. */
export function miscount(by: 1 | -1): (bytes: Buffer) => void {
  return (bytes) => {
    const counts = offsetAt(bytes, offsetAt(bytes, 48));
    const data = offsetAt(bytes, firstEntry(bytes, offsetAt(bytes, offsetAt(bytes, 40))));
    const at = counts + (data / CLUSTER_BYTES) * 2;
    bytes.writeUInt16BE(bytes.readUInt16BE(at) + by, at);
  };
}

/** Takes the name of the backing image out of the header, and leaves its format. */
export function forgetBacking(bytes: Buffer): void {
  bytes.fill(0, 8, 20);
}

/** Nothing refers to the cluster at the end of the file any more. */
export function leakCluster(bytes: Buffer): void {
  const table = offsetAt(bytes, offsetAt(bytes, 40));
  bytes.writeBigUInt64BE(0n, firstEntry(bytes, table));
}

function offsetAt(bytes: Buffer, at: number): number {
  return Number(bytes.readBigUInt64BE(at) & OFFSET_MASK);
}

function firstEntry(bytes: Buffer, table: number): number {
  for (let at = table; at < table + CLUSTER_BYTES; at += 8)
    if (bytes.readBigUInt64BE(at) !== 0n) return at;
  throw new Error("nothing is stored in this image");
}
