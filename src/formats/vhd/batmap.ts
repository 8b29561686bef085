import { checksumOf } from "./checksum.js";
import { readOffset, SECTOR_BYTES } from "./layout.js";

/** tapdisk's map of blocks whose sectors are all present: a hint, one bit for each block. */
export interface Batmap {
  /** Where its one-sector header is. */
  readonly headerAt: number;
  readonly mapAt: number;
  readonly mapBytes: number;
}

const COOKIE = "tdbatmap";
const CHECKSUM_AT = 24;
/** A map has one bit for each of the blocks, and a table no more than four million of them. */
const MAX_MAP_BYTES = 1024 * 1024;

/** Bytes of the map for so many blocks: whole sectors, at least one. */
export function batmapBytes(blocks: number): number {
  return Math.max(1, Math.ceil(Math.ceil(blocks / 8) / SECTOR_BYTES)) * SECTOR_BYTES;
}

/** Reads the header of a batmap; `undefined` for anything that is not one. */
export function parseBatmap(bytes: Buffer, headerAt: number): Batmap | undefined {
  if (bytes.length < SECTOR_BYTES || bytes.toString("latin1", 0, 8) !== COOKIE) return undefined;
  const mapAt = readOffset(bytes, 8);
  const mapBytes = bytes.readUInt32BE(16) * SECTOR_BYTES;
  if (mapAt === undefined || mapBytes > MAX_MAP_BYTES) return undefined;
  return { headerAt, mapAt, mapBytes };
}

/** The header for a map that stands right behind it. */
export function formatBatmap(map: Buffer, headerAt: number, sizeBytes: number): Buffer {
  const bytes = Buffer.alloc(SECTOR_BYTES);
  bytes.write(COOKIE, 0, "latin1");
  bytes.writeBigUInt64BE(BigInt(headerAt + SECTOR_BYTES), 8);
  bytes.writeUInt32BE(map.length / SECTOR_BYTES, 16);
  bytes.writeUInt32BE(0x0001_0002, 20);
  bytes.writeUInt32BE(mapChecksum(map, sizeBytes), CHECKSUM_AT);
  return bytes;
}

/** A header as it stands, for a map that has changed. */
export function resealBatmap(header: Buffer, map: Buffer, sizeBytes: number): Buffer {
  const bytes = Buffer.from(header);
  bytes.writeUInt32BE(mapChecksum(map, sizeBytes), CHECKSUM_AT);
  return bytes;
}

/** Whether a batmap may be believed. */
export function isBatmapSound(header: Buffer, map: Buffer, sizeBytes: number): boolean {
  return header.readUInt32BE(CHECKSUM_AT) === mapChecksum(map, sizeBytes);
}

export function isMarkedFull(map: Buffer, block: number): boolean {
  return ((map[block >> 3] ?? 0) & (0x80 >> (block & 7))) !== 0;
}

export function markFull(map: Buffer, block: number): void {
  map[block >> 3] = (map[block >> 3] ?? 0) | (0x80 >> (block & 7));
}

/** libvhd counts the part of the map that blocks of 2 MiB need, in sectors of 4096 blocks. */
function mapChecksum(map: Buffer, sizeBytes: number): number {
  const sectors = Math.max(1, Math.ceil(Math.floor(sizeBytes / 2 ** 24) / SECTOR_BYTES));
  return checksumOf(map.subarray(0, sectors * SECTOR_BYTES));
}
