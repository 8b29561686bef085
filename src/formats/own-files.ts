import { crc32 } from "node:zlib";

import { VERSION } from "../host/package-version.js";

/** What every file of a format of ours tells as its writer. */
export const WRITER = `domsnap ${VERSION}`;

const CHECKSUM_DIGITS = 8;

/** CRC-32 of a text as hexadecimal digits: against bits that flip, not against people. */
export function checksumOf(text: string): string {
  return crc32(text).toString(16).padStart(CHECKSUM_DIGITS, "0");
}

/** A line that begins with the checksum of what it says: `5d2c4b1a TEXT`, with its end. */
export function formatCheckedLine(text: string): string {
  return `${checksumOf(text)} ${text}\n`;
}

/** What such a line, without its end, says; undefined when its checksum is another. */
export function parseCheckedLine(line: string): string | undefined {
  const text = line.slice(CHECKSUM_DIGITS + 1);
  return formatCheckedLine(text) === `${line}\n` ? text : undefined;
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
