/** VHD counts in sectors of 512 bytes, whatever the disk below has. */
export const SECTOR_BYTES = 512;
/** Block size of every writer; a reader accepts smaller powers of two. */
export const DEFAULT_BLOCK_BYTES = 2 * 1024 * 1024;
/** The bitmap of a block must fill whole bytes. */
export const MIN_BLOCK_BYTES = 8 * SECTOR_BYTES;
/** Data of a block start on such a boundary, as libvhd places them. */
export const DATA_ALIGNMENT_BYTES = 4096;
export const HEADER_BYTES = 1024;

/** XenServer's and QEMU's convention for the largest disk; the format itself ends at 2 TiB. */
export const MAX_DISK_BYTES = 2040 * 1024 ** 3;
/** Files of a chain that new snapshots may lead to; reopening a chain takes time per file. */
export const MAX_CHAIN_DEPTH = 30;
/** Tables of a 2 TiB disk take 4 MiB; anything far above is a lie. */
export const MAX_TABLE_BYTES = 16 * 1024 * 1024;

/** The UUID that stands for "none": in a differencing file it says that the parent is raw. */
export const NO_UUID = "0".repeat(32);

/** Some sectors of a disk that follow each other. */
export interface SectorRun {
  readonly sector: number;
  readonly count: number;
}

export function alignUp(value: number, alignment: number): number {
  return Math.ceil(value / alignment) * alignment;
}

/** A 64-bit number of a header; `undefined` where it is beyond any real file. */
export function readOffset(buffer: Buffer, at: number): number | undefined {
  const value = buffer.readBigUInt64BE(at);
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : undefined;
}

const VHD_EPOCH_SECONDS = 946_684_800;

/** The seconds since 1970 that VHD's time means. */
export function unixSeconds(vhdSeconds: number): number {
  return vhdSeconds + VHD_EPOCH_SECONDS;
}

/** Seconds since the start of 2000, which is how VHD counts time. */
export function vhdTime(unixMs: number): number {
  return Math.max(0, Math.floor(unixMs / 1000) - VHD_EPOCH_SECONDS);
}
