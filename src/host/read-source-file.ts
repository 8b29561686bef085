import {
  openSync,
  closeSync,
  constants,
  fstatSync,
  readSync,
  readFileSync,
  statSync,
} from "node:fs";

import { DomsnapError } from "../core/errors/index.js";
import { systemError } from "./system-error.js";

/** Far more than a document of two definitions; a stream of many may be as large. */
const LIMIT_BYTES = 256 * 1024 * 1024;

/**
 * All bytes of a file that a user has named; links are followed. A pipe or device is refused and
 * not waited for. Throws `system-error`.
 */
export function readSourceFile(path: string, limitBytes = LIMIT_BYTES): Buffer {
  return withSourceFile(path, (fd, sizeBytes) => {
    if (sizeBytes > limitBytes)
      throw unusable(path, `it is larger than ${String(limitBytes)} bytes`);
    return readFileSync(fd);
  });
}

/** The first bytes of such a file, at most `length` of them. */
export function peekSourceFile(path: string, length: number): Buffer {
  return withSourceFile(path, (fd) => {
    const buffer = Buffer.alloc(length);
    return buffer.subarray(0, readSync(fd, buffer, 0, length, 0));
  });
}

/** What stands at a path, links followed; undefined for anything but a file or a folder. */
export function kindOfSource(path: string): "file" | "folder" | undefined {
  try {
    const stats = statSync(path);
    if (stats.isDirectory()) return "folder";
    return stats.isFile() ? "file" : undefined;
  } catch {
    // Whatever is wrong with it, it is no source.
    return undefined;
  }
}

function withSourceFile<Result>(
  path: string,
  work: (fd: number, sizeBytes: number) => Result,
): Result {
  let fd: number | undefined;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const stats = fstatSync(fd);
    if (!stats.isFile()) throw unusable(path, "it is not a regular file");
    return work(fd, stats.size);
  } catch (thrown) {
    throw systemError(thrown, `cannot read file '${path}'`);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

function unusable(path: string, reason: string): DomsnapError {
  return new DomsnapError("system-error", `cannot read file '${path}': ${reason}`);
}
