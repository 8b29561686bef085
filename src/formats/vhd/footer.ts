import { checksumOf } from "./checksum.js";
import { geometryOf } from "./geometry.js";
import { readOffset, SECTOR_BYTES } from "./layout.js";

export type VhdType = "fixed" | "dynamic" | "differencing";

/** What the footer of a VHD says; `bytes` are the 512 of it, so that a change keeps the rest. */
export interface VhdFooter {
  readonly type: VhdType;
  /** 32 lower-case hexadecimal digits. */
  readonly uuid: string;
  /** What the guest sees. */
  readonly sizeBytes: number;
  /** Position of the sparse header; missing for fixed disks. */
  readonly headerAt?: number;
  /** When the file was made, in seconds since 2000. */
  readonly createdAt: number;
  /** Four characters: `tap` and a NUL, `qemu`, `win `. */
  readonly creator: string;
  readonly creatorVersion: number;
  /** An inner file that is no disk of its own (an extension of tapdisk). */
  readonly hidden: boolean;
  readonly bytes: Buffer;
}

export const FOOTER_COOKIE = "conectix";
/** What vhd-util writes instead while it changes the size, so that nobody opens the file meanwhile. */
const DISABLED_COOKIE = "v_poison";
const CHECKSUM_AT = 64;
const UUID_AT = 68;
const HIDDEN_AT = 85;
const ALL_ONES = 0xffff_ffff_ffff_ffffn;
const SPARSE_HEADER_AT = 512n;
const TYPE_NUMBERS: Readonly<Record<VhdType, number>> = { fixed: 2, dynamic: 3, differencing: 4 };

/**
 * Reads a footer; `undefined` for anything that is not one. Old writers leave out the last byte,
 * so 511 bytes will do.
 */
export function parseFooter(found: Buffer): VhdFooter | undefined {
  if (found.length < SECTOR_BYTES - 1) return undefined;
  const bytes = Buffer.alloc(SECTOR_BYTES);
  found.copy(bytes, 0, 0, SECTOR_BYTES);
  if (bytes.toString("latin1", 0, 8) !== FOOTER_COOKIE) return undefined;
  if (bytes.readUInt32BE(CHECKSUM_AT) !== checksumOf(bytes, CHECKSUM_AT)) return undefined;
  const type = typeOf(bytes.readUInt32BE(60));
  const sizeBytes = readOffset(bytes, 48);
  if (bytes.readUInt32BE(12) >>> 16 !== 1 || !type || sizeBytes === undefined) return undefined;
  const headerAt = type === "fixed" ? undefined : readOffset(bytes, 16);
  if (type !== "fixed" && headerAt === undefined) return undefined;
  return {
    type,
    uuid: bytes.toString("hex", UUID_AT, UUID_AT + 16),
    sizeBytes,
    ...(headerAt === undefined ? {} : { headerAt }),
    createdAt: bytes.readUInt32BE(24),
    creator: bytes.toString("latin1", 28, 32),
    creatorVersion: bytes.readUInt32BE(32),
    hidden: bytes[HIDDEN_AT] !== 0,
    bytes,
  };
}

/** Whether this is the footer of a file that `vhd-util resize` has not finished with. */
export function isDisabledFooter(bytes: Buffer): boolean {
  return bytes.toString("latin1", 0, DISABLED_COOKIE.length) === DISABLED_COOKIE;
}

/** Whether two footers of one file tell of the same disk; identity and marks may be in change. */
export function tellOneDisk(one: VhdFooter, other: VhdFooter): boolean {
  return (
    one.type === other.type && one.sizeBytes === other.sizeBytes && one.headerAt === other.headerAt
  );
}

export interface NewFooter {
  readonly type: VhdType;
  readonly uuid: string;
  readonly sizeBytes: number;
  /** Seconds since 2000. */
  readonly createdAt: number;
}

/** A footer as tapdisk's own tools write it: creator `tap` 1.3, which promises a batmap. */
export function formatFooter({ type, uuid, sizeBytes, createdAt }: NewFooter): Buffer {
  const bytes = Buffer.alloc(SECTOR_BYTES);
  bytes.write(FOOTER_COOKIE, 0, "latin1");
  bytes.writeUInt32BE(2, 8);
  bytes.writeUInt32BE(0x0001_0000, 12);
  bytes.writeBigUInt64BE(type === "fixed" ? ALL_ONES : SPARSE_HEADER_AT, 16);
  bytes.writeUInt32BE(createdAt, 24);
  bytes.write("tap\0", 28, "latin1");
  bytes.writeUInt32BE(0x0001_0003, 32);
  bytes.writeBigUInt64BE(BigInt(sizeBytes), 40);
  bytes.writeBigUInt64BE(BigInt(sizeBytes), 48);
  bytes.writeUInt32BE(geometryOf(sizeBytes), 56);
  bytes.writeUInt32BE(TYPE_NUMBERS[type], 60);
  bytes.write(uuid, UUID_AT, "hex");
  return seal(bytes);
}

/** The same footer with another identity. */
export function changeFooter(
  footer: VhdFooter,
  change: { readonly uuid?: string; readonly hidden?: boolean },
): Buffer {
  const bytes = Buffer.from(footer.bytes);
  if (change.uuid !== undefined) bytes.write(change.uuid, UUID_AT, "hex");
  if (change.hidden !== undefined) bytes[HIDDEN_AT] = change.hidden ? 1 : 0;
  return seal(bytes);
}

function seal(bytes: Buffer): Buffer {
  bytes.writeUInt32BE(checksumOf(bytes, CHECKSUM_AT), CHECKSUM_AT);
  return bytes;
}

function typeOf(number: number): VhdType | undefined {
  const types: readonly VhdType[] = ["fixed", "dynamic", "differencing"];
  return types.find((type) => TYPE_NUMBERS[type] === number);
}
