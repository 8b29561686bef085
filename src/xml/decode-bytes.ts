import { syntaxError } from "./syntax-error.js";

const UTF16_MARKS: readonly (readonly [number, number, string])[] = [
  [0xff, 0xfe, "utf-16le"],
  [0xfe, 0xff, "utf-16be"],
];

/**
 * The text of an XML file: UTF-8 (strict), UTF-16 by its byte order mark, or ISO-8859-1 where the
 * declaration says so. Throws `xml-detail` for bytes that are none of it.
 */
export function decodeXmlBytes(bytes: Uint8Array, documentName: string): string {
  const utf16 = UTF16_MARKS.find(([first, second]) => bytes[0] === first && bytes[1] === second);
  if (utf16) return decodeStrictly(bytes, utf16[2], documentName);
  if (declaresLatin1(bytes)) return Buffer.from(bytes).toString("latin1");
  return decodeStrictly(bytes, "utf-8", documentName);
}

function declaresLatin1(bytes: Uint8Array): boolean {
  const head = Buffer.from(bytes.subarray(0, 200)).toString("latin1");
  return /^<\?xml[^>]*encoding\s*=\s*["'](?:iso-8859-1|latin1)["']/i.test(head);
}

function decodeStrictly(bytes: Uint8Array, encoding: string, documentName: string): string {
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch {
    const lenient = new TextDecoder(encoding).decode(bytes);
    const problem = "Input is not proper UTF-8, indicate encoding !";
    throw syntaxError(documentName, lenient, Math.max(0, lenient.indexOf("\uFFFD")), problem);
  }
}
