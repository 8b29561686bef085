/**
 * A disk is so small that its content is a line of text: a number for each cell, `.` where nothing
 * was ever written. Two cells share a cluster of QEMU's, so that a write copies a part of one.
 */

export const CELLS = 16;
export const CELL_STEP_BYTES = 32 * 1024;
/** What a guest writes at once. */
export const CELL_BYTES = 4096;
export const DISK_BYTES = CELLS * CELL_STEP_BYTES;

export type Content = string;

/** The bytes of a cell with this stamp in it. */
export function stampBytes(stamp: number): Buffer {
  const bytes = Buffer.alloc(CELL_BYTES);
  for (let at = 0; at < CELL_BYTES; at += 4) bytes.writeUInt32BE(stamp, at);
  return bytes;
}

/** Throws for what no guest has written. */
export function contentOf(disk: Buffer): Content {
  if (disk.length !== DISK_BYTES) throw new Error(`a disk of ${String(disk.length)} bytes`);
  return Array.from({ length: CELLS }, (_none, cell) => {
    const at = cell * CELL_STEP_BYTES;
    const stamp = disk.readUInt32BE(at);
    const isWhole =
      disk.subarray(at, at + CELL_BYTES).equals(stampBytes(stamp)) &&
      disk.subarray(at + CELL_BYTES, at + CELL_STEP_BYTES).equals(REST);
    if (!isWhole) throw new Error(`cell ${String(cell)} is torn`);
    return stamp === 0 ? "." : String(stamp);
  }).join(" ");
}

const REST = Buffer.alloc(CELL_STEP_BYTES - CELL_BYTES);
