import { syntaxError } from "./syntax-error.js";

/**
 * The text of an XML file: UTF-16 by its byte order mark, ISO-8859-1 or US-ASCII where the
 * declaration says so, else UTF-8. Throws `xml-detail` for bytes that are not of the encoding.
 */
export function decodeXmlBytes(bytes: Uint8Array, documentName: string): string {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return decode("utf-16le", bytes, documentName);
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return decode("utf-16be", bytes, documentName);
  const declared = declaredEncoding(bytes);
  if (/^(?:iso-8859-1|latin1)$/i.test(declared)) return Buffer.from(bytes).toString("latin1");
  const text = decode("utf-8", bytes, documentName);
  const isOther =
    /^utf-?16/i.test(declared) || (/ascii$/i.test(declared) && /[^\0-\x7f]/.test(text));
  if (!isOther) return text;
  throw syntaxError(documentName, text, 0, `Document labelled ${declared} has other content`);
}

function declaredEncoding(bytes: Uint8Array): string {
  const head = Buffer.from(bytes.subarray(0, 200)).toString("latin1");
  return /^(?:\xef\xbb\xbf)?<\?xml\s[^>]*encoding\s*=\s*["']([\w.-]+)/.exec(head)?.[1] ?? "";
}

function decode(encoding: string, bytes: Uint8Array, documentName: string): string {
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch {
    throw undecodable(encoding, bytes, documentName);
  }
}

function undecodable(encoding: string, bytes: Uint8Array, documentName: string): Error {
  // The replacement character shows where; a proper one before it would only move the caret.
  const text = new TextDecoder(encoding).decode(bytes);
  const offset = Math.max(0, text.indexOf("\uFFFD"));
  if (encoding !== "utf-8")
    return syntaxError(documentName, text, offset, "Input is not proper UTF-16");
  const start = Buffer.byteLength(text.slice(0, offset));
  const shown = [...bytes.subarray(start, start + 4)].map(formatByte).join(" ");
  const problem = `Input is not proper UTF-8, indicate encoding !\nBytes: ${shown}`;
  return syntaxError(documentName, text, offset, problem);
}

function formatByte(byte: number): string {
  return `0x${byte.toString(16).toUpperCase().padStart(2, "0")}`;
}
