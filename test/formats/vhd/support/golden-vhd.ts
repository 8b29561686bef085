/**
 * VHDs written down field by field from the format's description, for holding the library against.
 * Shares no code with it.
 */

const SECTOR = 512;

export interface GoldenVhd {
  readonly type: 2 | 3 | 4;
  readonly sizeBytes: number;
  readonly uuid: string;
  /** Seconds since 2000. */
  readonly createdAt: number;
  readonly geometry: number;
  readonly creator?: string;
  /** A base copy of XenServer's. */
  readonly hidden?: boolean;
  readonly blockBytes?: number;
  readonly batmap?: boolean;
  readonly parent?: {
    readonly uuid: string;
    readonly name: string;
    readonly changedAt: number;
    readonly paths: readonly { readonly code: string; readonly bytes: Buffer }[];
  };
  /** Data blocks: bitmap and data as they stand in the file. */
  readonly blocks?: readonly {
    readonly index: number;
    readonly bitmap: Buffer;
    readonly data: Buffer;
  }[];
  /** Writes the footer of an old writer, without its last byte. */
  readonly shortFooter?: boolean;
}

export function goldenFooter(vhd: GoldenVhd): Buffer {
  const bytes = Buffer.alloc(SECTOR);
  bytes.write("conectix", 0);
  bytes.writeUInt32BE(2, 8);
  bytes.writeUInt32BE(0x00010000, 12);
  bytes.write(vhd.type === 2 ? "ffffffffffffffff" : "0000000000000200", 16, "hex");
  bytes.writeUInt32BE(vhd.createdAt, 24);
  bytes.write(vhd.creator ?? "tap\0", 28, "latin1");
  bytes.writeUInt32BE(0x00010003, 32);
  bytes.writeBigUInt64BE(BigInt(vhd.sizeBytes), 40);
  bytes.writeBigUInt64BE(BigInt(vhd.sizeBytes), 48);
  bytes.writeUInt32BE(vhd.geometry, 56);
  bytes.writeUInt32BE(vhd.type, 60);
  bytes.write(vhd.uuid, 68, "hex");
  bytes[85] = vhd.hidden ? 1 : 0;
  return withSum(bytes, 64);
}

/** A complete dynamic or differencing file. */
export function goldenSparse(vhd: GoldenVhd): Buffer {
  const blockBytes = vhd.blockBytes ?? 2 * 1024 * 1024;
  const entries = Math.ceil(vhd.sizeBytes / blockBytes);
  const footer = goldenFooter(vhd);
  const table = Buffer.alloc(Math.ceil((entries * 4) / SECTOR) * SECTOR);
  table.fill(0xff, 0, entries * 4);
  const batmap =
    vhd.batmap === false ? Buffer.alloc(0) : goldenBatmap(1536 + table.length, entries);
  const locatorsAt = 1536 + table.length + batmap.length;
  const parts: Buffer[] = [];
  const paths = vhd.parent?.paths ?? [];
  for (const { bytes } of paths) {
    const sector = Buffer.alloc(SECTOR);
    bytes.copy(sector);
    parts.push(sector);
  }
  let at = locatorsAt + paths.length * SECTOR;
  const bitmapBytes = Math.max(1, Math.ceil(blockBytes / SECTOR / 8 / SECTOR)) * SECTOR;
  for (const { index, bitmap, data } of vhd.blocks ?? []) {
    const padding = Math.ceil((at + bitmapBytes) / 4096) * 4096 - bitmapBytes - at;
    table.writeUInt32BE((at + padding) / SECTOR, index * 4);
    const block = Buffer.alloc(padding + bitmapBytes + blockBytes);
    bitmap.copy(block, padding);
    data.copy(block, padding + bitmapBytes);
    parts.push(block);
    at += block.length;
  }
  const header = goldenHeader(vhd, entries, blockBytes, locatorsAt);
  const end = vhd.shortFooter ? footer.subarray(0, 511) : footer;
  return Buffer.concat([footer, header, table, batmap, ...parts, end]);
}

function goldenHeader(
  vhd: GoldenVhd,
  entries: number,
  blockBytes: number,
  locatorsAt: number,
): Buffer {
  const bytes = Buffer.alloc(1024);
  bytes.write("cxsparse", 0);
  bytes.write("ffffffffffffffff", 8, "hex");
  bytes.writeBigUInt64BE(1536n, 16);
  bytes.writeUInt32BE(0x00010000, 24);
  bytes.writeUInt32BE(entries, 28);
  bytes.writeUInt32BE(blockBytes, 32);
  if (vhd.parent) {
    bytes.write(vhd.parent.uuid, 40, "hex");
    bytes.writeUInt32BE(vhd.parent.changedAt, 56);
    [...vhd.parent.name].forEach((letter, index) =>
      bytes.writeUInt16BE(letter.charCodeAt(0), 64 + index * 2),
    );
    vhd.parent.paths.forEach(({ code, bytes: path }, slot) => {
      bytes.write(code, 576 + slot * 24);
      bytes.writeUInt32BE(512, 576 + slot * 24 + 4);
      bytes.writeUInt32BE(path.length, 576 + slot * 24 + 8);
      bytes.writeBigUInt64BE(BigInt(locatorsAt + slot * SECTOR), 576 + slot * 24 + 16);
    });
  }
  return withSum(bytes, 36);
}

function goldenBatmap(at: number, entries: number): Buffer {
  const sectors = Math.max(1, Math.ceil(Math.ceil(entries / 8) / SECTOR));
  const bytes = Buffer.alloc(SECTOR + sectors * SECTOR);
  bytes.write("tdbatmap", 0);
  bytes.writeBigUInt64BE(BigInt(at + SECTOR), 8);
  bytes.writeUInt32BE(sectors, 16);
  bytes.writeUInt32BE(0x00010002, 20);
  // The one's complement of the sum of an empty map.
  bytes.writeUInt32BE(0xffffffff, 24);
  return bytes;
}

function withSum(bytes: Buffer, at: number): Buffer {
  const sum = bytes.reduce((total, byte) => total + byte, 0);
  bytes.writeUInt32BE(~sum >>> 0, at);
  return bytes;
}
