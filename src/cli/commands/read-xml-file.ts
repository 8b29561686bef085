import { constants } from "node:fs";
import { open, type FileHandle } from "node:fs/promises";
import { DomsnapError } from "../../core/errors/index.js";

/** virsh reads no document above 10 MiB. */
const MAX_BYTES = 10 * 1024 * 1024;
const CHUNK_BYTES = 64 * 1024;

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

/**
 * All bytes of a file, or of what a shell pipes in (`/dev/stdin`, `<(command)`). Anything else, such
 * as a FIFO that has a name, is refused and not waited for. Throws `system-error` with virsh's text.
 */
export async function readBytes(path: string): Promise<Uint8Array> {
  let handle: FileHandle | undefined;
  try {
    handle = await openSource(path);
    const bytes = await readUpTo(handle, MAX_BYTES + 1);
    if (bytes.length <= MAX_BYTES) return bytes;
  } catch (thrown) {
    const failing = codeOf(thrown) === "EISDIR" ? "read" : "open";
    const detail = `Failed to ${failing} file '${path}': ${reasonOf(thrown)}`;
    throw new DomsnapError("system-error", detail, { cause: thrown });
  } finally {
    await handle?.close();
  }
  const detail = `Failed to read file '${path}': Value too large for defined data type`;
  throw new DomsnapError("system-error", detail);
}

async function openSource(path: string): Promise<FileHandle> {
  // A pipe of the shell has its other end already, so opening it does not wait.
  if (INHERITED.test(path)) return open(path, constants.O_RDONLY);
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const stats = await handle.stat();
  if (stats.isFile() || stats.isDirectory()) return handle;
  await handle.close();
  throw new Error("it is not a regular file");
}

/** Names of open files that the process got from the one that started it. */
const INHERITED = /^\/(dev\/(stdin|fd\/\d+)|proc\/(self|\d+)\/fd\/\d+)$/;

async function readUpTo(handle: FileHandle, limitBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let total = 0;
  while (total < limitBytes) {
    const chunk = Buffer.alloc(Math.min(CHUNK_BYTES, limitBytes - total));
    const { bytesRead } = await handle.read(chunk, 0, chunk.length, null);
    if (bytesRead === 0) break;
    chunks.push(chunk.subarray(0, bytesRead));
    total += bytesRead;
  }
  return Buffer.concat(chunks, total);
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
  return REASONS[codeOf(thrown)] ?? (thrown instanceof Error ? thrown.message : String(thrown));
}

function codeOf(thrown: unknown): string {
  return (thrown as NodeJS.ErrnoException).code ?? "";
}
