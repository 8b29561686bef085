import { crc32 } from "node:zlib";

const CHECKSUM_WIDTH = "00000000 ".length;

/** Lines as a journal has them: each behind the checksum of what it and all before it say. */
export function checkedLines(texts: readonly string[]): string {
  let checksum = 0;
  const lines = texts.map((text) => {
    checksum = crc32(text, checksum);
    return `${checksum.toString(16).padStart(8, "0")} ${text}\n`;
  });
  return lines.join("");
}

/** What whole lines say, be their checksums right or wrong. */
export function textsOf(lines: string): string[] {
  return lines
    .split("\n")
    .slice(0, -1)
    .map((line) => line.slice(CHECKSUM_WIDTH));
}
