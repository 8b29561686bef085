import { constants } from "node:fs";
import { open, type FileHandle } from "node:fs/promises";

import { systemError } from "./system-error.js";

/** Reads `length` bytes from `offset` of an opened file; fewer where the file ends. */
export type ReadAt = (offset: number, length: number) => Promise<Buffer>;

/**
 * Opens a regular file or block device for reading and closes it after `work`. Anything else
 * (a FIFO, a terminal) gives undefined and is not waited for. Throws `system-error`.
 */
export async function withImageFile<Result>(
  path: string,
  work: (readAt: ReadAt) => Promise<Result>,
): Promise<Result | undefined> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
    const stats = await handle.stat();
    if (!stats.isFile() && !stats.isBlockDevice()) return undefined;
    return await work(readerOf(handle));
  } catch (error) {
    throw systemError(error, `cannot read file '${path}'`);
  } finally {
    await handle?.close();
  }
}

function readerOf(handle: FileHandle): ReadAt {
  return async (offset, length) => {
    const buffer = Buffer.alloc(length);
    let filled = 0;
    while (filled < length) {
      const { bytesRead } = await handle.read(buffer, filled, length - filled, offset + filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return buffer.subarray(0, filled);
  };
}
