import { getSystemErrorMap } from "node:util";

import { DomsnapError } from "../core/errors/index.js";

/** glibc's texts where libuv's differ; users and libvirt's messages know the former. */
const STRERROR: Readonly<Record<string, string>> = {
  EACCES: "Permission denied",
  EBUSY: "Device or resource busy",
  EEXIST: "File exists",
  EINVAL: "Invalid argument",
  EIO: "Input/output error",
  EISDIR: "Is a directory",
  ELOOP: "Too many levels of symbolic links",
  ENAMETOOLONG: "File name too long",
  ENOENT: "No such file or directory",
  ENOSPC: "No space left on device",
  ENOTDIR: "Not a directory",
  ENOTEMPTY: "Directory not empty",
  EPERM: "Operation not permitted",
  EROFS: "Read-only file system",
  EDQUOT: "Disk quota exceeded",
  ESTALE: "Stale file handle",
  ETXTBSY: "Text file busy",
  EXDEV: "Invalid cross-device link",
};

/** The `code` of a failed system call (`ENOENT`), or undefined for any other thrown thing. */
export function errnoOf(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error) || !("code" in thrown)) return undefined;
  return typeof thrown.code === "string" ? thrown.code : undefined;
}

/** What strerror(3) says of a failed call; the error's own message if it is none. */
export function strerror(thrown: unknown): string {
  const code = errnoOf(thrown) ?? "";
  return STRERROR[code] ?? libuvText(code) ?? messageOf(thrown);
}

/** A failed system call as libvirt reports it, `<what>: <strerror>`; a DomsnapError stays itself. */
export function systemError(thrown: unknown, what: string): DomsnapError {
  if (thrown instanceof DomsnapError) return thrown;
  const full = errnoOf(thrown) === "ENOSPC" || errnoOf(thrown) === "EDQUOT";
  return new DomsnapError(full ? "no-space" : "system-error", `${what}: ${strerror(thrown)}`, {
    cause: thrown,
  });
}

const NO_FILE: ReadonlySet<string | undefined> = new Set([
  "ENOENT",
  "ENOTDIR",
  "ELOOP",
  "ENAMETOOLONG",
  // Node's own, for a path with a NUL in it.
  "ERR_INVALID_ARG_VALUE",
]);

/** Whether a failed call tells for sure that there is no file at its path. */
export function tellsAbsence(thrown: unknown): boolean {
  return NO_FILE.has(errnoOf(thrown));
}

/**
 * The error for an image that could not be looked at: `image-missing` where it is not there,
 * `system-error` where that cannot be told.
 */
export function inaccessibleImage(thrown: unknown, path: string): DomsnapError {
  const what = `cannot access image '${path}'`;
  if (!tellsAbsence(thrown)) return systemError(thrown, what);
  return new DomsnapError("image-missing", `${what}: ${strerror(thrown)}`, { cause: thrown });
}

/** The error for a FIFO, a socket or the like under the name of an image. */
export function noImageFile(path: string): DomsnapError {
  return new DomsnapError("image-missing", `'${path}' is neither a file nor a block device`);
}

function libuvText(code: string): string | undefined {
  for (const [name, text] of getSystemErrorMap().values())
    if (name === code) return text.charAt(0).toUpperCase() + text.slice(1);
  return undefined;
}

function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
