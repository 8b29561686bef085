import { DomsnapError } from "../../core/errors/index.js";

/**
 * What stands before the memory in a file of `xl save` (Xen: tools/xl/xl.h). The numbers are in the
 * byte order of the machine that wrote it.
 */
export interface SaveFileHeader {
  readonly byteOrder: "little" | "big";
  /** What a reader has to understand. Bit 0: the configuration is JSON; bit 1: stream version 2. */
  readonly mandatoryFlags: number;
  readonly optionalFlags: number;
  /** Of the domain, without the final NUL: JSON, or up to Xen 4.4 text of xl.cfg. */
  readonly config: string;
  /** Optional data behind the configuration, which nobody has defined yet. */
  readonly rest: Uint8Array;
}

/** A header and where the memory begins behind it. */
export interface ReadSaveFileHeader extends SaveFileHeader {
  readonly streamOffset: number;
}

/** Who wrote a file with a domain's memory. */
export type SaveFileContainer = "xl" | "libvirt";

export const CONFIG_IS_JSON = 1;
const STREAM_VERSION_2 = 2;
const KNOWN_FLAGS = CONFIG_IS_JSON | STREAM_VERSION_2;

const XL_MAGIC = Buffer.from("Xen saved domain, xl format\n \0 \r", "latin1");
/** libvirt's Xen driver puts the domain's XML before the same stream. */
const LIBVIRT_MAGIC = Buffer.from("libvirt-xml\n \0 \r", "latin1");
const BYTE_ORDER_MARK = 0x01020304;
/** Magic, byte order, two words of flags, length of the optional data. */
export const FIXED_BYTES = 48;
const LENGTH_BYTES = 4;
/** xl's own limit is memory; a configuration is some kilobytes. */
export const MAX_OPTIONAL_BYTES = 16 * 1024 * 1024;

/** Whose file begins with these bytes (16 of them tell libvirt's, 32 xl's); undefined for others. */
export function recognizeSaveFile(head: Uint8Array): SaveFileContainer | undefined {
  const begins = (magic: Buffer) => magic.equals(head.subarray(0, magic.length));
  if (begins(XL_MAGIC)) return "xl";
  return begins(LIBVIRT_MAGIC) ? "libvirt" : undefined;
}

/**
 * How many bytes the header takes, from the first `FIXED_BYTES` of a file. Throws
 * `operation-failed` for bytes that are no header of xl, and `config-unsupported` for one that
 * cannot be understood.
 */
export function headerLength(fixed: Uint8Array): number {
  return FIXED_BYTES + readFixed(fixed).optionalLength;
}

/** Reads the header in full; throws as `headerLength`. */
export function parseSaveFileHeader(bytes: Uint8Array): ReadSaveFileHeader {
  const { optionalLength, readWord, ...flags } = readFixed(bytes);
  const streamOffset = FIXED_BYTES + optionalLength;
  if (bytes.length < streamOffset) throw notSaveFile("it ends within its header");
  const optional = bytes.subarray(FIXED_BYTES, streamOffset);
  if (optionalLength < LENGTH_BYTES) throw notSaveFile("it holds no configuration");
  const configLength = readWord(FIXED_BYTES);
  if (configLength > optionalLength - LENGTH_BYTES)
    throw notSaveFile("its configuration is longer than its header");
  const config = optional.subarray(LENGTH_BYTES, LENGTH_BYTES + configLength);
  return {
    ...flags,
    config: decode(config),
    rest: Uint8Array.from(optional.subarray(LENGTH_BYTES + configLength)),
    streamOffset,
  };
}

/** The bytes of a header; the stream follows them at once. Throws `invalid-argument` if too long. */
export function formatSaveFileHeader(header: SaveFileHeader): Uint8Array {
  const config = Buffer.from(`${header.config}\0`);
  const optionalLength = LENGTH_BYTES + config.length + header.rest.length;
  if (header.config.includes("\0") || optionalLength > MAX_OPTIONAL_BYTES)
    throw new DomsnapError("invalid-argument", "the configuration does not fit into a memory file");
  const fixed = Buffer.alloc(FIXED_BYTES + LENGTH_BYTES);
  XL_MAGIC.copy(fixed);
  const words = [
    ...[BYTE_ORDER_MARK, header.mandatoryFlags, header.optionalFlags],
    ...[optionalLength, config.length],
  ];
  words.forEach((word, index) => {
    const offset = XL_MAGIC.length + index * 4;
    if (header.byteOrder === "little") fixed.writeUInt32LE(word, offset);
    else fixed.writeUInt32BE(word, offset);
  });
  return Buffer.concat([fixed, config, header.rest]);
}

/** The error for a file that is not, or not wholly, what xl saves. */
export function notSaveFile(reason: string): DomsnapError {
  return new DomsnapError("operation-failed", `this is not a memory file of xl: ${reason}`);
}

function readFixed(bytes: Uint8Array) {
  if (recognizeSaveFile(bytes) === "libvirt")
    throw new DomsnapError(
      "config-unsupported",
      "this memory file is from libvirt's Xen driver and not from xl",
      { hint: "Use virsh restore, which takes it." },
    );
  if (recognizeSaveFile(bytes) !== "xl") throw notSaveFile("it begins with something else");
  if (bytes.length < FIXED_BYTES) throw notSaveFile("it ends within its header");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const isLittle = view.getUint32(XL_MAGIC.length, true) === BYTE_ORDER_MARK;
  if (!isLittle && view.getUint32(XL_MAGIC.length, false) !== BYTE_ORDER_MARK)
    throw notSaveFile("its byte order is unknown");
  const readWord = (offset: number) => view.getUint32(offset, isLittle);
  const mandatoryFlags = readWord(36);
  if ((mandatoryFlags & ~KNOWN_FLAGS) !== 0)
    throw new DomsnapError(
      "config-unsupported",
      `this memory file is from a newer xl (flags 0x${mandatoryFlags.toString(16)})`,
    );
  const optionalLength = readWord(44);
  if (optionalLength > MAX_OPTIONAL_BYTES) throw notSaveFile("its header is far too long");
  const byteOrder = isLittle ? ("little" as const) : ("big" as const);
  return { byteOrder, mandatoryFlags, optionalFlags: readWord(40), optionalLength, readWord };
}

function decode(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(
      end < 0 ? bytes : bytes.subarray(0, end),
    );
  } catch {
    throw notSaveFile("its configuration is not UTF-8");
  }
}
