import type { BigIntStats } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { dirname } from "node:path";

import { DomsnapError } from "../core/errors/index.js";
import type { OperationProgress } from "../core/ports/index.js";
import { availableBytes, noSpace, syncFile } from "./durable-files.js";
import { runTool } from "./run-tool.js";
import { errnoOf, inaccessibleImage, noImageFile, systemError } from "./system-error.js";

/** What a copy needs to know of a file or block device. */
export interface CopySource {
  readonly path: string;
  readonly type: "file" | "block";
  readonly sizeBytes: number;
  /** What a sparse copy takes at most. */
  readonly allocatedBytes: number;
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
  /** How many names the file has. */
  readonly links: number;
  readonly modifiedNs: bigint;
  /** Changes when the file is written to or replaced. Of a device it says little. */
  readonly version: string;
}

/** How a copy is stopped, and who hears how far it got. */
export interface CopyOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: OperationProgress) => void;
}

const STAT_BLOCK_BYTES = 512n;
const SECTOR_BYTES = 512;
/** How often a long piece of work tells how far it got. */
export const PROGRESS_INTERVAL_MS = 250;

/**
 * Looks at a regular file or block device. Throws `image-missing` for anything else, and
 * `system-error` where the host does not tell.
 */
export async function readCopySource(path: string): Promise<CopySource> {
  const stats = await stat(path, { bigint: true }).catch((error: unknown) => {
    throw inaccessibleImage(error, path);
  });
  if (!stats.isFile() && !stats.isBlockDevice()) throw noImageFile(path);
  const sizeBytes = stats.isFile() ? Number(stats.size) : await deviceSizeBytes(path, stats);
  return {
    path,
    type: stats.isFile() ? "file" : "block",
    sizeBytes,
    allocatedBytes: stats.isFile() ? Number(stats.blocks * STAT_BLOCK_BYTES) : sizeBytes,
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    mode: Number(stats.mode & 0o777n),
    links: Number(stats.nlink),
    modifiedNs: stats.mtimeNs,
    version: [stats.dev, stats.ino, stats.size, stats.mtimeNs].join(":"),
  };
}

/**
 * Lets an empty file share all blocks of `source` (reflink); false where the file system cannot.
 * Takes milliseconds and no space whatever the size. Durable and verified when true.
 */
export async function cloneFile(
  source: CopySource,
  target: string,
  options: CopyOptions = {},
): Promise<boolean> {
  if (source.type === "block") return false;
  // Not fs.copyFile: it gives the target the mode of the source, and unlinks it on failure.
  const args = ["--reflink=always", "--preserve=timestamps", "--", source.path, target];
  const { exitStatus } = await runTool("cp", args, {
    keepsLock: true,
    ...(options.signal && { signal: options.signal }),
    answerStatuses: [0, 1],
  });
  if (exitStatus !== 0) return false;
  await finish(source, target, options);
  return true;
}

/**
 * Copies into an empty regular file at the speed of the kernel; blocks of zeroes become holes, so
 * the copy takes no more room than the source. Durable and of verified size when it returns. Throws
 * `no-space`, `cancelled`, `tool-failed`; what was written stays for the caller to remove.
 */
export async function copySparsely(
  source: CopySource,
  target: string,
  options: CopyOptions = {},
): Promise<void> {
  const watch = setInterval(() => void reportGrowth(source, target, options), PROGRESS_INTERVAL_MS);
  try {
    const args = ["--sparse=always", "--preserve=timestamps", "--", source.path, target];
    await runTool("cp", args, {
      keepsLock: true,
      ...(options.signal && { signal: options.signal }),
    });
  } catch (error) {
    throw await outOfSpace(error, source, target);
  } finally {
    clearInterval(watch);
  }
  await finish(source, target, options);
}

/**
 * Writes over the beginning of a block device in place, every byte of it; repeatable. Throws
 * `no-space` before anything is written when the device is too small.
 */
export async function copyOntoDevice(
  source: CopySource,
  device: CopySource,
  options: CopyOptions = {},
): Promise<void> {
  if (device.sizeBytes < source.sizeBytes)
    throw noSpace(device.path, source.sizeBytes, device.sizeBytes);
  const operands = ["bs=4M", "iflag=fullblock", "oflag=direct", "conv=notrunc,fsync"];
  await runTool("dd", [`if=${source.path}`, `of=${device.path}`, ...operands, "status=progress"], {
    keepsLock: true,
    ...(options.signal && { signal: options.signal }),
    onOutput: (text) => {
      const bytes = [...text.matchAll(/(\d+) bytes/g)].at(-1)?.[1];
      if (bytes !== undefined) report(options, Number(bytes), source.sizeBytes);
    },
  });
  report(options, source.sizeBytes, source.sizeBytes);
}

/** Throws `operation-failed` if a file was written to since it was looked at. */
export async function assertUnchanged(source: CopySource): Promise<void> {
  const now = await readCopySource(source.path);
  if (now.version !== source.version || now.sizeBytes !== source.sizeBytes)
    throw new DomsnapError(
      "operation-failed",
      `image '${source.path}' changed while it was copied`,
      { hint: "Make sure that nothing uses the image, and repeat." },
    );
}

/**
 * Throws `image-conflict` for a file with more than one name: one that replaces it takes a single name,
 * and whoever uses the others goes on with what was there before.
 */
export function assertOneName({ path, type, links }: CopySource): void {
  if (type === "block" || links <= 1) return;
  throw new DomsnapError(
    "image-conflict",
    `image '${path}' has ${links} names (hard links), and going back to a copy would change what only one of them leads to`,
    {
      hint: `Find the others with 'find FOLDER -xdev -samefile ${path}', remove them or make copies of them, and repeat.`,
    },
  );
}

async function finish(source: CopySource, target: string, options: CopyOptions): Promise<void> {
  await syncFile(target);
  const copy = await readCopySource(target);
  if (copy.sizeBytes !== source.sizeBytes)
    throw new DomsnapError(
      "operation-failed",
      `copy '${target}' has ${copy.sizeBytes} bytes instead of ${source.sizeBytes}`,
    );
  report(options, source.allocatedBytes, source.allocatedBytes);
}

async function reportGrowth(
  source: CopySource,
  target: string,
  options: CopyOptions,
): Promise<void> {
  const copy = await readCopySource(target).catch(() => undefined);
  if (copy)
    report(options, Math.min(copy.allocatedBytes, source.allocatedBytes), source.allocatedBytes);
}

function report(options: CopyOptions, bytesDone: number, bytesTotal: number): void {
  options.onProgress?.({ bytesDone, bytesTotal });
}

/** The kernel's list of devices knows the size; opening and seeking is not possible from here. */
async function deviceSizeBytes(path: string, stats: BigIntStats): Promise<number> {
  const major = ((stats.rdev >> 8n) & 0xfffn) | ((stats.rdev >> 32n) & ~0xfffn);
  const minor = (stats.rdev & 0xffn) | ((stats.rdev >> 12n) & ~0xffn);
  try {
    const sectors = await readFile(`/sys/dev/block/${major}:${minor}/size`, "utf8");
    return Number(sectors.trim()) * SECTOR_BYTES;
  } catch (error) {
    throw systemError(error, `cannot find out the size of device '${path}'`);
  }
}

async function outOfSpace(error: unknown, source: CopySource, target: string): Promise<unknown> {
  const full = error instanceof DomsnapError && error.detail.includes("No space left on device");
  if (!full) return error;
  const copy = await stat(target).catch((failure: unknown) => {
    if (errnoOf(failure) === undefined) throw failure;
    return undefined;
  });
  const written = (copy?.blocks ?? 0) * Number(STAT_BLOCK_BYTES);
  const available = await availableBytes(dirname(target));
  return noSpace(target, source.allocatedBytes, written + available);
}
