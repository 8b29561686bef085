import { readFile } from "node:fs/promises";
import { DomsnapError } from "../../core/errors/index.js";

/** virsh reads no document above 10 MiB. */
const MAX_BYTES = 10 * 1024 * 1024;

/** A document from a file. Throws `system-error` with virsh's text. */
export async function readTextFile(path: string): Promise<string> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    const failing = code === "EISDIR" ? "read" : "open";
    throw new DomsnapError(
      "system-error",
      `Failed to ${failing} file '${path}': ${reasonOf(thrown)}`,
    );
  }
  if (bytes.length > MAX_BYTES)
    throw new DomsnapError(
      "system-error",
      `Failed to read file '${path}': Value too large for defined data type`,
    );
  return bytes.toString("utf8");
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
  const { code, message } = thrown as NodeJS.ErrnoException;
  return (code !== undefined ? REASONS[code] : undefined) ?? message;
}
