import { constants } from "node:fs";
import { link, lstat, open, rename, stat, statfs, unlink } from "node:fs/promises";
import { dirname } from "node:path";

import { DomsnapError } from "../core/errors/index.js";
import { errnoOf, systemError } from "./system-error.js";

/** Who owns a file, as stat tells it. */
export interface FileOwner {
  readonly uid: number;
  readonly gid: number;
}

/** Whose a new file is, and who may use it. */
export interface NewFileOptions {
  /** Permission bits, whatever the umask. Default 0600. */
  readonly mode?: number;
  /** Given away when the caller may; kept silently when not (an ordinary user). */
  readonly owner?: FileOwner;
}

const PRIVATE_MODE = 0o600;
/** What file systems without hard links answer to link(2). */
const NO_HARD_LINKS: ReadonlySet<string> = new Set(["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"]);
/** A name that is too long to exist is not there either. */
const NOT_THERE: ReadonlySet<string> = new Set(["ENOENT", "ENOTDIR", "ENAMETOOLONG"]);

/** Flushes a file's content and size to the disk. Throws `system-error`. */
export async function syncFile(path: string): Promise<void> {
  await syncOpened(path, constants.O_RDONLY, "file");
}

/** Flushes a folder's entries to the disk: without it a rename may be lost with the power. */
export async function syncFolder(path: string): Promise<void> {
  await syncOpened(path, constants.O_RDONLY | constants.O_DIRECTORY, "folder");
}

/**
 * Creates an empty file that did not exist, never through a link. It is private from its first
 * moment; other bits of `mode` are given once the owner is set. Throws `system-error` (`File
 * exists`).
 */
export async function createExclusively(path: string, options: NewFileOptions = {}): Promise<void> {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  try {
    const handle = await open(path, flags, PRIVATE_MODE);
    try {
      if (options.owner) await giveAway((uid, gid) => handle.chown(uid, gid), options.owner);
      await handle.chmod(options.mode ?? PRIVATE_MODE);
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw systemError(error, `cannot create file '${path}'`);
  }
}

/** Removes a file, and says whether it was there. Throws `system-error`. */
export async function unlinkDurably(path: string): Promise<boolean> {
  try {
    await unlink(path);
  } catch (error) {
    const code = errnoOf(error) ?? "";
    // A file system that is read-only says so before it looks for the file.
    if (NOT_THERE.has(code) || (code === "EROFS" && (await isVacant(path)))) return false;
    throw systemError(error, `cannot unlink file '${path}'`);
  }
  await syncFolder(dirname(path));
  return true;
}

/** Renames within one file system, replacing what stands at `to`. Throws `system-error`. */
export async function renameDurably(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    throw systemError(error, `cannot rename file '${from}' as '${to}'`);
  }
  await syncFolder(dirname(to));
  if (dirname(from) !== dirname(to)) await syncFolder(dirname(from));
}

/**
 * Gives a file its final name in the same folder without replacing anything: rename(2) would.
 * Throws `system-error` (`File exists`), in which case `from` keeps its name.
 */
export async function publishDurably(from: string, to: string): Promise<void> {
  if ((await giveName(from, to)) === "renamed") return syncFolder(dirname(to));
  try {
    await unlinkDurably(from);
  } catch (error) {
    await unlinkDurably(to);
    throw error;
  }
}

/** A file that is complete, and the name in the same folder that it is to have. */
export interface Publication {
  readonly from: string;
  readonly to: string;
}

/**
 * Gives many files their final names as `publishDurably` does, and flushes each folder only once.
 * When it throws, some of them have theirs; the others keep what they had.
 */
export async function publishAllDurably(files: readonly Publication[]): Promise<void> {
  for (const { from, to } of files) await giveName(from, to);
  const folders = new Set(files.map(({ to }) => dirname(to)));
  for (const folder of folders) await syncFolder(folder);
  for (const { from } of files) await unlinkOne(from);
  for (const folder of folders) await syncFolder(folder);
}

/** Durable once its folder is flushed. */
async function unlinkOne(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (!NOT_THERE.has(errnoOf(error) ?? ""))
      throw systemError(error, `cannot unlink file '${path}'`);
  }
}

/** Replaces nothing. A file with both names has to lose the first one. */
async function giveName(from: string, to: string): Promise<"linked" | "renamed"> {
  try {
    await link(from, to);
    return "linked";
  } catch (error) {
    // Over a network a call can be carried out and still be answered with a failure.
    if (await isSameFile(from, to)) return "linked";
    if (!NO_HARD_LINKS.has(errnoOf(error) ?? "") || !(await isVacant(to)))
      throw systemError(error, `cannot create file '${to}'`);
  }
  try {
    await rename(from, to);
    return "renamed";
  } catch (error) {
    throw systemError(error, `cannot rename file '${from}' as '${to}'`);
  }
}

async function isSameFile(one: string, other: string): Promise<boolean> {
  const [a, b] = await Promise.all([one, other].map((path) => lstat(path).catch(() => undefined)));
  return a !== undefined && a.dev === b?.dev && a.ino === b.ino;
}

/** Whether nothing has this name, not even a link to nothing. */
export async function isVacant(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return false;
  } catch (error) {
    if (NOT_THERE.has(errnoOf(error) ?? "")) return true;
    throw systemError(error, `cannot stat file '${path}'`);
  }
}

/** Bytes that the caller may still write to the file system of a folder. Throws `system-error`. */
export async function availableBytes(folder: string): Promise<number> {
  try {
    const facts = await statfs(folder);
    return facts.bavail * facts.bsize;
  } catch (error) {
    throw systemError(error, `cannot stat file system of '${folder}'`);
  }
}

/** A file that is about to be written, and the most that it will take. */
export interface SpaceNeed {
  readonly path: string;
  readonly bytes: number;
}

/**
 * Throws `no-space`, with the numbers, unless every file system has room for all files that go
 * there. A check, not a reservation.
 */
export async function assertRoom(needs: readonly SpaceNeed[]): Promise<void> {
  const byDevice = new Map<number, { path: string; bytes: number }>();
  for (const need of needs) {
    const { dev } = await stat(dirname(need.path)).catch((error: unknown) => {
      throw systemError(error, `cannot stat folder '${dirname(need.path)}'`);
    });
    const sum = byDevice.get(dev);
    if (sum) sum.bytes += need.bytes;
    else byDevice.set(dev, { ...need });
  }
  for (const { path, bytes } of byDevice.values()) {
    const available = await availableBytes(dirname(path));
    if (available < bytes) throw noSpace(path, bytes, available);
  }
}

/** The error for a file that does not fit where it is to go. */
export function noSpace(path: string, neededBytes: number, availableBytes: number): DomsnapError {
  const missing = neededBytes - availableBytes;
  return new DomsnapError(
    "no-space",
    `not enough space for '${path}': ${neededBytes} bytes needed, ${availableBytes} bytes available`,
    missing > 0 ? { hint: `Free at least ${missing} bytes on that file system.` } : {},
  );
}

async function syncOpened(path: string, flags: number, kind: string): Promise<void> {
  try {
    const handle = await open(path, flags);
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw systemError(error, `cannot sync ${kind} '${path}'`);
  }
}

/** Only root may give files away; for others the file stays their own. */
async function giveAway(
  chown: (uid: number, gid: number) => Promise<void>,
  owner: FileOwner,
): Promise<void> {
  try {
    await chown(owner.uid, owner.gid);
  } catch (error) {
    if (errnoOf(error) !== "EPERM") throw error;
  }
}
