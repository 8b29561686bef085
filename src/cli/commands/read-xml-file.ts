import { readFile } from "node:fs/promises";
import { DomsnapError } from "../../core/errors/index.js";

/** virsh reads no document above 10 MiB. */
const MAX_BYTES = 10 * 1024 * 1024;

/** A snapshot document from a file. Throws what `readBytes` throws, and `xml-detail`. */
export async function readSnapshotFile(path: string): Promise<string> {
  return decode(await readBytes(path), "(domain_snapshot)");
}

/** A domain definition from a file. Throws what `readBytes` throws, and `xml-detail`. */
export async function readDomainFile(path: string): Promise<string> {
  return decodeDomain(await readBytes(path));
}

/** The text of a domain definition. Throws `xml-detail` for bytes that are no text. */
export function decodeDomain(bytes: Uint8Array): Promise<string> {
  return decode(bytes, "(domain_definition)");
}

/** Throws `system-error` with virsh's text. */
export async function readBytes(path: string): Promise<Uint8Array> {
  try {
    const bytes = await readFile(path);
    if (bytes.length <= MAX_BYTES) return bytes;
  } catch (thrown) {
    const failing = codeOf(thrown) === "EISDIR" ? "read" : "open";
    const detail = `Failed to ${failing} file '${path}': ${reasonOf(thrown)}`;
    throw new DomsnapError("system-error", detail, { cause: thrown });
  }
  const detail = `Failed to read file '${path}': Value too large for defined data type`;
  throw new DomsnapError("system-error", detail);
}

/** The reader is loaded only by commands that need it. */
async function decode(bytes: Uint8Array, documentName: string): Promise<string> {
  const { decodeXmlBytes } = await import("../../xml/decode-bytes.js");
  return decodeXmlBytes(bytes, documentName);
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "No such file or directory",
  EACCES: "Permission denied",
  EISDIR: "Is a directory",
  ENOTDIR: "Not a directory",
  ELOOP: "Too many levels of symbolic links",
  ENAMETOOLONG: "File name too long",
};

function reasonOf(thrown: unknown): string {
  return REASONS[codeOf(thrown)] ?? String(thrown);
}

function codeOf(thrown: unknown): string {
  return (thrown as NodeJS.ErrnoException).code ?? "";
}
