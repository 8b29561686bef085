import { constants, readFileSync, type BigIntStats } from "node:fs";
import { open, type FileHandle } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

import { DomsnapError } from "../core/errors/index.js";
import { findKernelUser } from "./kernel-users.js";
import { errnoOf, inaccessibleImage, noImageFile } from "./system-error.js";

/** An image, and what is to be done with its file. */
export interface ImageUse {
  readonly path: string;
  /** `read`: nobody may write to it meanwhile. `replace`: nobody may have it open. */
  readonly use: "read" | "replace";
}

/**
 * What QEMU does with an image, and how it tells others: for each of these it holds a shared lock on
 * one byte of the file while it does so, and one on another byte while it allows nobody else to.
 */
const PERMISSIONS = { consistentRead: 0, write: 1, writeUnchanged: 2, resize: 3 } as const;
/** Where the bytes begin (`RAW_LOCK_PERM_BASE` and `RAW_LOCK_SHARED_BASE` of QEMU's file-posix). */
const DOES_AT = 100;
const FORBIDS_AT = 200;

interface Rules {
  /** Bytes that we hold, so that a QEMU that starts meanwhile is refused. */
  readonly hold: readonly number[];
  /** Bytes that nobody else may hold. */
  readonly free: readonly number[];
}

const { consistentRead, write, resize } = PERMISSIONS;
const all = Object.values(PERMISSIONS);
const RULES: Readonly<Record<ImageUse["use"], Rules>> = {
  read: {
    hold: [DOES_AT + consistentRead, FORBIDS_AT + write, FORBIDS_AT + resize],
    free: [DOES_AT + write, DOES_AT + resize, FORBIDS_AT + consistentRead],
  },
  replace: {
    hold: [...all.map((one) => DOES_AT + one), ...all.map((one) => FORBIDS_AT + one)],
    free: [...all.map((one) => DOES_AT + one), ...all.map((one) => FORBIDS_AT + one)],
  },
};

/**
 * Runs `work` while no QEMU, qemu-nbd or qemu-img can use the images in a way that does not go with
 * it, by QEMU's own locks; a loop device, Xen's block backend or a mount of a device is looked for
 * before. Throws `image-in-use`, `image-missing`, `system-error`; `work` is then not called.
 */
export async function whileLocked<Result>(
  images: readonly ImageUse[],
  work: () => Promise<Result>,
): Promise<Result> {
  const held: FileHandle[] = [];
  try {
    for (const image of images) held.push(await lockImage(image));
    return await work();
  } finally {
    // Closing frees the locks.
    for (const handle of held) await handle.close();
  }
}

/** Throws as `whileLocked` where an image is used by others at this moment. */
export function assertFree(images: readonly ImageUse[]): Promise<void> {
  return whileLocked(images, () => Promise.resolve());
}

/** Whether a program has an image open. Throws `image-missing`, `system-error`. */
export async function isInUse(path: string): Promise<boolean> {
  try {
    await assertFree([{ path, use: "replace" }]);
    return false;
  } catch (thrown) {
    if (thrown instanceof DomsnapError && thrown.code === "image-in-use") return true;
    throw thrown;
  }
}

/** Two of us that look at one image at the same moment see each other look. */
const ATTEMPTS = 4;
const PAUSE_MS = 20;

async function lockImage({ path, use }: ImageUse): Promise<FileHandle> {
  const { handle, writable } = await openImage(path);
  try {
    const user = findKernelUser(path);
    if (user !== undefined) throw inUse(path, `by ${user}`);
    const { hold, free } = RULES[use];
    for (let attempt = 1; ; attempt++) {
      const isFree = writable
        ? await takeLocks(handle, hold, free)
        : await isUnlocked(handle, free);
      if (isFree) return handle;
      if (attempt === ATTEMPTS) throw inUse(path, "by another program");
      await sleep(attempt * PAUSE_MS);
    }
  } catch (thrown) {
    await handle.close();
    throw thrown;
  }
}

/** A device that is mounted, or a part of something larger, is in exclusive use. */
async function openImage(path: string): Promise<{ handle: FileHandle; writable: boolean }> {
  let opened = await tryOpen(path, constants.O_RDWR);
  const writable = opened !== undefined;
  opened ??= await tryOpen(path, constants.O_RDONLY);
  if (!opened) throw new DomsnapError("system-error", `cannot open image '${path}'`);
  const stats = await opened.stat();
  if (!stats.isFile() && !stats.isBlockDevice()) {
    await opened.close();
    throw noImageFile(path);
  }
  if (stats.isFile()) return { handle: opened, writable };
  await opened.close();
  const access = writable ? constants.O_RDWR : constants.O_RDONLY;
  const claimed = await tryOpen(path, access | constants.O_EXCL);
  if (!claimed) throw inUse(path, "by the host: it is mounted, or a part of another device");
  return { handle: claimed, writable };
}

const NOT_OPENED: ReadonlySet<string | undefined> = new Set([
  "EACCES",
  "EPERM",
  "EROFS",
  "EBUSY",
  "ETXTBSY",
]);

async function tryOpen(path: string, flags: number): Promise<FileHandle | undefined> {
  try {
    return await open(path, flags | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch (thrown) {
    const isLast = (flags & (constants.O_RDWR | constants.O_EXCL)) === 0;
    if (!isLast && NOT_OPENED.has(errnoOf(thrown))) return undefined;
    throw inaccessibleImage(thrown, path);
  }
}

/** First what we do is told, then looked what others do: of two that begin at once one is refused. */
async function takeLocks(
  handle: FileHandle,
  hold: readonly number[],
  free: readonly number[],
): Promise<boolean> {
  // Native code: loaded by those who lock.
  const { tryLock, unlock } = await import("fs-native-extensions");
  const { fd } = handle;
  try {
    for (const byte of hold) if (!tryLock(fd, byte, 1, { shared: true })) return false;
    for (const byte of free) {
      if (!tryLock(fd, byte, 1)) return false;
      if (hold.includes(byte)) tryLock(fd, byte, 1, { shared: true });
      else unlock(fd, byte, 1);
    }
    return true;
  } catch {
    // A file system without such locks: QEMU goes on without them, too.
    return isUnlocked(handle, free);
  }
}

/** What cannot be opened for writing cannot be locked so; then the kernel's list has to tell. */
async function isUnlocked(handle: FileHandle, free: readonly number[]): Promise<boolean> {
  const stats = await handle.stat({ bigint: true });
  const held = locksOf(stats);
  return !free.some((byte) => held.some(({ from, to }) => from <= byte && byte <= to));
}

const LOCK_LINE = /^\d+: OFDLCK +\S+ +\S+ +-?\d+ +[0-9a-f]+:[0-9a-f]+:(\d+) +(\d+) +(\d+|EOF)$/;

function locksOf({ ino }: BigIntStats): { from: number; to: number }[] {
  return readFileSync("/proc/locks", "utf8")
    .split("\n")
    .flatMap((line) => {
      const [, inode, from, to] = LOCK_LINE.exec(line) ?? [];
      if (inode === undefined || BigInt(inode) !== ino) return [];
      return [{ from: Number(from), to: to === "EOF" ? Infinity : Number(to) }];
    });
}

function inUse(path: string, by: string): DomsnapError {
  return new DomsnapError("image-in-use", `image '${path}' is in use ${by}`, {
    hint: "Stop the program that has it open; 'fuser FILE' names it, 'losetup -j FILE' a loop device.",
  });
}
