import { withImageFile, type ReadAt } from "../../host/bounded-read.js";

/** What the header of an overlay format says; read natively, so that a folder is scanned fast. */
export interface ImageHeader {
  readonly format: "qcow2" | "qed";
  readonly virtualSizeBytes: number;
  readonly backing?: {
    /** As written in the header: hostile, maybe relative, maybe a URL or `json:`. */
    readonly name: string;
    /** As written; missing where QEMU would probe. */
    readonly format?: string;
  };
  /** The format of a backing image is told without one: its name was lost. */
  readonly backingLost: boolean;
  /** Internal snapshots that the image holds. */
  readonly snapshotCount: number;
  /** Whether the guest's data are in another file that the header names. */
  readonly externalData: boolean;
  /** How QEMU encrypts it, if it does. */
  readonly encryption?: string;
  /** Whether QEMU has found its structure contradictory, and writes to it no more. */
  readonly corrupt: boolean;
  /** Whether its counts of references are behind, which the next QEMU that writes to it mends. */
  readonly dirty: boolean;
}

const QCOW2_MAGIC = 0x514649fb;
const QED_MAGIC = 0x51454400;
/** Where the fixed part of both headers ends. */
const FIXED_HEADER_BYTES = 104;
/** QEMU's own limit of a backing file name. */
const MAX_BACKING_NAME_BYTES = 1023;
/** Far above what header extensions take; they end the reading of a hostile header. */
const MAX_EXTENSION_AREA_BYTES = 64 * 1024;

const QCOW2_V2_HEADER_BYTES = 72;
const QCOW2_INCOMPAT_DIRTY = 0x1n;
const QCOW2_INCOMPAT_CORRUPT = 0x2n;
const QCOW2_INCOMPAT_EXTERNAL_DATA = 0x4n;
/** By the number of the method; 0 is none. */
const QCOW2_ENCRYPTION: Readonly<Record<number, string>> = { 1: "AES", 2: "LUKS" };
const QCOW2_EXTENSION_END = 0;
const QCOW2_EXTENSION_BACKING_FORMAT = 0xe2792aca;

const QED_FEATURE_BACKING = 0x1n;
const QED_FEATURE_NEEDS_CHECK = 0x2n;
const QED_FEATURE_BACKING_IS_RAW = 0x4n;

/**
 * The header of a qcow2 or qed image; undefined for anything else, also for what only looks like
 * one. Reads a bounded part of the file, whatever it claims. Throws `system-error`.
 */
export function readImageHeader(path: string): Promise<ImageHeader | undefined> {
  return withImageFile(path, async (readAt) => {
    const fixed = await readAt(0, FIXED_HEADER_BYTES);
    if (fixed.length < QCOW2_V2_HEADER_BYTES) return undefined;
    const magic = fixed.readUInt32BE(0);
    if (magic === QCOW2_MAGIC) return readQcow2(fixed, readAt);
    return magic === QED_MAGIC ? readQed(fixed, readAt) : undefined;
  });
}

async function readQcow2(fixed: Buffer, readAt: ReadAt): Promise<ImageHeader | undefined> {
  const version = fixed.readUInt32BE(4);
  const isV3 = version >= 3;
  if (version < 2 || (isV3 && fixed.length < FIXED_HEADER_BYTES)) return undefined;
  const incompatible = isV3 ? fixed.readBigUInt64BE(72) : 0n;
  const headerBytes = isV3 ? fixed.readUInt32BE(100) : QCOW2_V2_HEADER_BYTES;
  const name = await readBackingName(fixed.readBigUInt64BE(8), fixed.readUInt32BE(16), readAt);
  const format = await readBackingFormat(headerBytes, readAt);
  const method = fixed.readUInt32BE(32);
  return {
    format: "qcow2",
    virtualSizeBytes: Number(fixed.readBigUInt64BE(24)),
    ...(name !== undefined && { backing: { name, ...(format !== undefined && { format }) } }),
    backingLost: name === undefined && format !== undefined && format !== "",
    snapshotCount: fixed.readUInt32BE(60),
    ...(method !== 0 && { encryption: QCOW2_ENCRYPTION[method] ?? `method ${method}` }),
    externalData: (incompatible & QCOW2_INCOMPAT_EXTERNAL_DATA) !== 0n,
    corrupt: (incompatible & QCOW2_INCOMPAT_CORRUPT) !== 0n,
    dirty: (incompatible & QCOW2_INCOMPAT_DIRTY) !== 0n,
  };
}

async function readBackingFormat(start: number, readAt: ReadAt): Promise<string | undefined> {
  const area = await readAt(start, MAX_EXTENSION_AREA_BYTES);
  for (let at = 0; at + 8 <= area.length;) {
    const type = area.readUInt32BE(at);
    const length = area.readUInt32BE(at + 4);
    if (type === QCOW2_EXTENSION_END || at + 8 + length > area.length) return undefined;
    if (type === QCOW2_EXTENSION_BACKING_FORMAT)
      return area.toString("utf8", at + 8, at + 8 + length);
    at += 8 + Math.ceil(length / 8) * 8;
  }
  return undefined;
}

async function readQed(fixed: Buffer, readAt: ReadAt): Promise<ImageHeader> {
  const features = fixed.readBigUInt64LE(16);
  const hasBacking = (features & QED_FEATURE_BACKING) !== 0n;
  const offset = BigInt(fixed.readUInt32LE(56));
  const name = hasBacking
    ? await readBackingName(offset, fixed.readUInt32LE(60), readAt)
    : undefined;
  const isRaw = (features & QED_FEATURE_BACKING_IS_RAW) !== 0n;
  return {
    format: "qed",
    virtualSizeBytes: Number(fixed.readBigUInt64LE(48)),
    ...(name !== undefined && { backing: { name, ...(isRaw && { format: "raw" }) } }),
    backingLost: false,
    snapshotCount: 0,
    externalData: false,
    corrupt: false,
    dirty: (features & QED_FEATURE_NEEDS_CHECK) !== 0n,
  };
}

async function readBackingName(
  offset: bigint,
  length: number,
  readAt: ReadAt,
): Promise<string | undefined> {
  if (offset === 0n || length === 0 || length > MAX_BACKING_NAME_BYTES) return undefined;
  if (offset > BigInt(Number.MAX_SAFE_INTEGER)) return undefined;
  const name = await readAt(Number(offset), length);
  return name.length === length ? name.toString("utf8") : undefined;
}
