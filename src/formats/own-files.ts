import { crc32 } from "node:zlib";

import { VERSION } from "../host/package-version.js";

/** What every file of a format of ours tells as its writer. */
export const WRITER = `domsnap ${VERSION}`;

/** How many characters a checksum has. */
export const CHECKSUM_DIGITS = 8;
const NOTHING = "0".repeat(CHECKSUM_DIGITS);

/**
 * CRC-32 of a text as hexadecimal digits: against bits that flip, not against people. With the
 * checksum of what is `before` it, that of both together.
 */
export function checksumOf(text: string, before = NOTHING): string {
  // A line that is damaged may begin with anything.
  const start = Number.parseInt(before, 16) || 0;
  return crc32(text, start).toString(16).padStart(CHECKSUM_DIGITS, "0");
}

/**
 * A line that begins with the checksum of what it says: `5d2c4b1a TEXT`, with its end. In a file of
 * many lines each goes on from the checksum of the one `before`, so that none can be missing.
 */
export function formatCheckedLine(text: string, before?: string): string {
  return `${checksumOf(text, before)} ${text}\n`;
}

/** What such a line, without its end, says; undefined when its checksum is another. */
export function parseCheckedLine(line: string, before?: string): string | undefined {
  const text = line.slice(CHECKSUM_DIGITS + 1);
  return formatCheckedLine(text, before) === `${line}\n` ? text : undefined;
}

/** The checksum that a line begins with. */
export function checksumOfLine(line: string): string {
  return line.slice(0, CHECKSUM_DIGITS);
}

/** What the head of a file says of its format, whatever else it may say. */
export interface FormatClaim {
  readonly version: unknown;
  readonly writer?: unknown;
}

/** Why a file of another version is not read. */
export function otherVersion({ version, writer }: FormatClaim, known: number): string {
  const told = typeof version === "number" ? String(version) : "unknown";
  const by = typeof writer === "string" ? ` (written by ${writer})` : "";
  return `its format is version ${told}${by}, and this domsnap knows ${String(known)}`;
}
