import { checksumOf } from "./checksum.js";
import { HEADER_BYTES, readOffset } from "./layout.js";

/** Where a path to the parent is kept, and in which of the ways of writing it. */
export interface LocatorEntry {
  /** `MacX`, `W2ku`, `W2ru`; others are passed over. */
  readonly code: string;
  /** Room that is set aside at `offset`. */
  readonly spaceBytes: number;
  readonly lengthBytes: number;
  readonly offset: number;
}

/** A locator with its place in the header. */
export interface FoundLocator extends LocatorEntry {
  readonly slot: number;
}

/** The header of dynamic and differencing disks. */
export interface SparseHeader {
  readonly tableAt: number;
  readonly tableEntries: number;
  readonly blockBytes: number;
  /** `NO_UUID` in a differencing file: the parent is raw. */
  readonly parentUuid: string;
  /** When the parent was last written to as the file was made, in seconds since 2000; 0: not told. */
  readonly parentChangedAt: number;
  /** File name of the parent, as written: hostile until resolved. */
  readonly parentName: string;
  readonly locators: readonly LocatorEntry[];
  readonly bytes: Buffer;
}

const COOKIE = "cxsparse";
const CHECKSUM_AT = 36;
const PARENT_UUID_AT = 40;
const PARENT_CHANGED_AT = 56;
const NAME_AT = 64;
const NAME_BYTES = 512;
const LOCATORS_AT = 576;
const LOCATOR_BYTES = 24;
const LOCATOR_SLOTS = 8;
/** Readers take smaller values for sectors: some writers count the room so. */
const SMALLEST_SPACE_IN_BYTES = 512;

/** Reads a sparse header; `undefined` for anything that is not one. */
export function parseSparseHeader(bytes: Buffer): SparseHeader | undefined {
  if (bytes.length < HEADER_BYTES || bytes.toString("latin1", 0, 8) !== COOKIE) return undefined;
  if (bytes.readUInt32BE(CHECKSUM_AT) !== checksumOf(bytes, CHECKSUM_AT)) return undefined;
  const tableAt = readOffset(bytes, 16);
  if (bytes.readUInt32BE(24) >>> 16 !== 1 || tableAt === undefined) return undefined;
  return {
    tableAt,
    tableEntries: bytes.readUInt32BE(28),
    blockBytes: bytes.readUInt32BE(32),
    parentUuid: bytes.toString("hex", PARENT_UUID_AT, PARENT_UUID_AT + 16),
    parentChangedAt: bytes.readUInt32BE(PARENT_CHANGED_AT),
    parentName: decodeName(bytes.subarray(NAME_AT, NAME_AT + NAME_BYTES)),
    locators: locatorsOf(bytes),
    bytes,
  };
}

export interface NewSparseHeader {
  readonly tableAt: number;
  readonly tableEntries: number;
  readonly blockBytes: number;
  readonly parent?: {
    readonly uuid: string;
    readonly name: string;
    /** Seconds since 2000. */
    readonly changedAt: number;
    readonly locators: readonly LocatorEntry[];
  };
}

export function formatSparseHeader(header: NewSparseHeader): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES);
  bytes.write(COOKIE, 0, "latin1");
  bytes.writeBigUInt64BE(0xffff_ffff_ffff_ffffn, 8);
  bytes.writeBigUInt64BE(BigInt(header.tableAt), 16);
  bytes.writeUInt32BE(0x0001_0000, 24);
  bytes.writeUInt32BE(header.tableEntries, 28);
  bytes.writeUInt32BE(header.blockBytes, 32);
  if (header.parent) {
    bytes.write(header.parent.uuid, PARENT_UUID_AT, "hex");
    bytes.writeUInt32BE(header.parent.changedAt, PARENT_CHANGED_AT);
    encodeName(header.parent.name).copy(bytes, NAME_AT);
    header.parent.locators.forEach((locator, slot) => writeLocator(bytes, slot, locator));
  }
  return sealHeader(bytes);
}

/** The same header with the lengths of its locators told by `lengthOf`, its checksum as it was. */
export function withLocatorLengths(
  header: Buffer,
  lengthOf: (locator: LocatorEntry) => number,
): Buffer {
  const bytes = Buffer.from(header);
  for (const locator of locatorsOf(bytes))
    bytes.writeUInt32BE(lengthOf(locator), LOCATORS_AT + locator.slot * LOCATOR_BYTES + 8);
  return bytes;
}

/** The same header with the checksum that it has to have. */
export function sealHeader(header: Buffer): Buffer {
  const bytes = Buffer.from(header);
  bytes.writeUInt32BE(checksumOf(bytes, CHECKSUM_AT), CHECKSUM_AT);
  return bytes;
}

/** The locators of a header, whatever its checksum. */
export function locatorsOf(bytes: Buffer): FoundLocator[] {
  const locators: FoundLocator[] = [];
  for (let slot = 0; slot < LOCATOR_SLOTS; slot++) {
    const at = LOCATORS_AT + slot * LOCATOR_BYTES;
    const space = bytes.readUInt32BE(at + 4);
    const offset = readOffset(bytes, at + 16);
    if (bytes.readUInt32BE(at) === 0 || offset === undefined) continue;
    locators.push({
      slot,
      code: bytes.toString("latin1", at, at + 4),
      spaceBytes: space < SMALLEST_SPACE_IN_BYTES ? space * 512 : space,
      lengthBytes: bytes.readUInt32BE(at + 8),
      offset,
    });
  }
  return locators;
}

function writeLocator(bytes: Buffer, slot: number, locator: LocatorEntry): void {
  const at = LOCATORS_AT + slot * LOCATOR_BYTES;
  bytes.write(locator.code, at, "latin1");
  bytes.writeUInt32BE(locator.spaceBytes, at + 4);
  bytes.writeUInt32BE(locator.lengthBytes, at + 8);
  bytes.writeBigUInt64BE(BigInt(locator.offset), at + 16);
}

/** UTF-16BE, zero padded; a longer name is cut, the locators carry it whole. */
function encodeName(name: string): Buffer {
  return Buffer.from(name, "utf16le").swap16().subarray(0, NAME_BYTES);
}

function decodeName(padded: Buffer): string {
  const text = Buffer.from(padded).swap16().toString("utf16le");
  const end = text.indexOf("\0");
  return end < 0 ? text : text.slice(0, end);
}
