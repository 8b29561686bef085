import {
  closeSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readFileSync,
  readSync,
  writeSync,
} from "node:fs";
import { dirname, resolve } from "node:path";

/**
 * A second, naive implementation of the format for the tests, on whole buffers: what a tapdisk
 * would read and write. Shares no code with the library under test.
 */

const SECTOR = 512;

/** All that a guest sees in an image. */
export function readAsGuest(path: string, format: string): Buffer {
  return format === "raw" ? readFileSync(path) : readVhd(path);
}

function readVhd(path: string): Buffer {
  const file = readFileSync(path);
  const start = file.subarray(0, SECTOR);
  const end = file.subarray(file.length - SECTOR);
  const isFixed = end.toString("latin1", 0, 8) === "conectix" && end.readUInt32BE(60) === 2;
  const footer = isFixed ? end : start;
  const size = Number(footer.readBigUInt64BE(48));
  if (isFixed) return Buffer.from(file.subarray(0, size));
  const header = file.subarray(Number(footer.readBigUInt64BE(16)));
  const blockSectors = header.readUInt32BE(32) / SECTOR;
  const bitmapBytes = Math.ceil(blockSectors / 8 / SECTOR) * SECTOR;
  const content =
    footer.readUInt32BE(60) === 4 ? readParent(path, file, header, size) : Buffer.alloc(size);
  for (let sector = 0; sector < size / SECTOR; sector++) {
    const block = Math.floor(sector / blockSectors);
    const entry = file.readUInt32BE(Number(header.readBigUInt64BE(16)) + block * 4);
    if (entry === 0xffffffff) continue;
    const inBlock = sector % blockSectors;
    const bit = file[entry * SECTOR + (inBlock >> 3)]! & (0x80 >> (inBlock & 7));
    if (bit === 0) continue;
    const at = entry * SECTOR + bitmapBytes + inBlock * SECTOR;
    content.fill(0, sector * SECTOR, (sector + 1) * SECTOR);
    file.copy(content, sector * SECTOR, at, at + SECTOR);
  }
  return content;
}

function readParent(path: string, file: Buffer, header: Buffer, size: number): Buffer {
  const parent = parentPath(path, file, header);
  const isRaw = header.subarray(40, 56).every((byte) => byte === 0);
  const below = readAsGuest(parent, isRaw ? "raw" : "vhd");
  if (!isRaw) {
    const lower = readFileSync(parent);
    const footer = lower.subarray(lower.length - SECTOR);
    if (!footer.subarray(68, 84).equals(header.subarray(40, 56)))
      throw new Error(`${path}: parent uuid has changed`);
  }
  const content = Buffer.alloc(size);
  below.copy(content, 0, 0, size);
  return content;
}

function parentPath(path: string, file: Buffer, header: Buffer): string {
  const length = header.readUInt32BE(576 + 8);
  const at = Number(header.readBigUInt64BE(576 + 16));
  const url = file.toString("utf8", at, at + length);
  if (!url.startsWith("file://")) throw new Error(`${path}: first locator is '${url}'`);
  return resolve(dirname(path), url.slice("file://".length));
}

/** The sectors that a dynamic or differencing file itself holds, as runs of them. */
export function heldRuns(path: string): { readonly sector: number; readonly data: Buffer }[] {
  const file = readFileSync(path);
  const header = file.subarray(Number(file.readBigUInt64BE(16)));
  const blockSectors = header.readUInt32BE(32) / SECTOR;
  const bitmapBytes = Math.ceil(blockSectors / 8 / SECTOR) * SECTOR;
  const sectors = Math.ceil(Number(file.readBigUInt64BE(48)) / SECTOR);
  const runs: { sector: number; parts: Buffer[] }[] = [];
  for (let sector = 0; sector < sectors; sector++) {
    const block = Math.floor(sector / blockSectors);
    const entry = file.readUInt32BE(Number(header.readBigUInt64BE(16)) + block * 4);
    const inBlock = sector % blockSectors;
    if (entry === 0xffffffff) continue;
    if ((file[entry * SECTOR + (inBlock >> 3)]! & (0x80 >> (inBlock & 7))) === 0) continue;
    const at = entry * SECTOR + bitmapBytes + inBlock * SECTOR;
    const last = runs.at(-1);
    const data = file.subarray(at, at + SECTOR);
    if (last && last.sector + last.parts.length === sector) last.parts.push(data);
    else runs.push({ sector, parts: [data] });
  }
  return runs.map(({ sector, parts }) => ({ sector, data: Buffer.concat(parts) }));
}

/** Where the first path in a differencing file leads, as far as the path alone tells. */
export function parentByPath(path: string): { readonly path: string; readonly format: string } {
  const file = readFileSync(path);
  const header = file.subarray(Number(file.readBigUInt64BE(16)));
  const isRaw = header.subarray(40, 56).every((byte) => byte === 0);
  return { path: parentPath(path, file, header), format: isRaw ? "raw" : "vhd" };
}

/**
 * Writes whole sectors as a tapdisk does: block by block over the trailing footer, which is written
 * again at the end unless the process is to die before.
 */
export function writeAsGuest(
  path: string,
  format: string,
  offset: number,
  data: Buffer,
  options: { readonly dies?: boolean } = {},
): void {
  const fd = openSync(path, "r+");
  try {
    const end = Buffer.alloc(SECTOR);
    readSync(fd, end, 0, SECTOR, fstatSync(fd).size - SECTOR);
    const isFixed = end.toString("latin1", 0, 8) === "conectix" && end.readUInt32BE(60) === 2;
    if (format === "raw" || isFixed) writeSync(fd, data, 0, data.length, offset);
    else writeBlocks(fd, offset, data, options.dies ?? false);
  } finally {
    closeSync(fd);
  }
}

function writeBlocks(fd: number, offset: number, data: Buffer, dies: boolean): void {
  const head = Buffer.alloc(2048);
  readSync(fd, head, 0, 2048, 0);
  const tableAt = Number(head.readBigUInt64BE(SECTOR + 16));
  const blockBytes = head.readUInt32BE(SECTOR + 32);
  const bitmapBytes = Math.ceil(blockBytes / SECTOR / 8 / SECTOR) * SECTOR;
  const footer = Buffer.from(head.subarray(0, SECTOR));
  const size = fstatSync(fd).size;
  const last = Buffer.alloc(SECTOR);
  readSync(fd, last, 0, SECTOR, size - SECTOR);
  let end = last.equals(footer) ? size - SECTOR : size;
  for (let done = 0; done < data.length; done += SECTOR) {
    const position = offset + done;
    const block = Math.floor(position / blockBytes);
    const entryBytes = Buffer.alloc(4);
    readSync(fd, entryBytes, 0, 4, tableAt + block * 4);
    let at = entryBytes.readUInt32BE(0) * SECTOR;
    if (entryBytes.readUInt32BE(0) === 0xffffffff) {
      at = Math.ceil((end + bitmapBytes) / 4096) * 4096 - bitmapBytes;
      ftruncateSync(fd, end);
      ftruncateSync(fd, at + bitmapBytes + blockBytes);
      end = at + bitmapBytes + blockBytes;
      entryBytes.writeUInt32BE(at / SECTOR);
      writeSync(fd, entryBytes, 0, 4, tableAt + block * 4);
    }
    const sector = (position % blockBytes) / SECTOR;
    writeSync(fd, data, done, SECTOR, at + bitmapBytes + sector * SECTOR);
    const bits = Buffer.alloc(1);
    readSync(fd, bits, 0, 1, at + (sector >> 3));
    bits[0]! |= 0x80 >> (sector & 7);
    writeSync(fd, bits, 0, 1, at + (sector >> 3));
  }
  ftruncateSync(fd, end);
  if (!dies) writeSync(fd, footer, 0, SECTOR, end);
}
