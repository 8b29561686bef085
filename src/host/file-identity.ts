import type { BigIntStats } from "node:fs";
import { lstat, realpath, stat } from "node:fs/promises";

import type { Evidence, Identified, Identity } from "../core/ports/index.js";
import { unlinkDurably } from "./durable-files.js";
import { errnoOf, systemError } from "./system-error.js";

const NOT_THERE: ReadonlySet<string> = new Set(["ENOENT", "ENOTDIR", "ENAMETOOLONG"]);

/**
 * What tells a file from every other one whatever its name. The number of an inode is given to the
 * next file when the first is removed, so its time of birth counts as well; with it the number of
 * the device, which may be another one after a restart of the host, is not needed. Where the file
 * system knows no birth, device and inode have to do.
 */
export function identityOf(stats: Pick<BigIntStats, "dev" | "ino" | "birthtimeNs">): Identity {
  return stats.birthtimeNs > 0n ? `${stats.ino}@${stats.birthtimeNs}` : `${stats.ino}:${stats.dev}`;
}

/** The identity of the file behind a name, links followed; undefined for none. Throws `system-error`. */
export async function identifyFile(path: string): Promise<Identity | undefined> {
  const stats = await facts(path, stat);
  return stats?.isFile() ? identityOf(stats) : undefined;
}

/**
 * The identity of a directory entry itself, a file's or a link's; undefined where there is none and
 * for what is neither, such as a device. Throws `system-error`.
 */
export async function identifyEntry(path: string): Promise<Identity | undefined> {
  const stats = await facts(path, lstat);
  return stats?.isFile() || stats?.isSymbolicLink() ? identityOf(stats) : undefined;
}

/** See `HostFiles.identify`. */
export async function identifyPlace(path: string): Promise<readonly Identified[]> {
  const entry = await identifyEntry(path);
  if (entry === undefined) return [];
  const real = await realpath(path).catch(() => path);
  const file = real === path ? undefined : await identifyFile(real);
  return [
    { place: path, identity: entry },
    ...(file === undefined ? [] : [{ place: real, identity: file }]),
  ];
}

/** What a plan has found at a place when it began, and what it has made for it. */
export function knownAt(path: string, evidence: Evidence): Identity[] {
  const found = evidence.found(path);
  return [...(found === undefined ? [] : [found]), ...evidence.made(path)];
}

/**
 * Removes an entry if it is one of those that the caller knows as its own, and says whether it was.
 * Whatever else has the name by now stays. Durable; repeatable. Throws `system-error`.
 */
export async function unlinkKnown(path: string, known: readonly Identity[]): Promise<boolean> {
  const identity = await identifyEntry(path);
  if (identity === undefined || !known.includes(identity)) return false;
  return unlinkDurably(path);
}

async function facts(
  path: string,
  look: (path: string, options: { bigint: true }) => Promise<BigIntStats>,
): Promise<BigIntStats | undefined> {
  try {
    return await look(path, { bigint: true });
  } catch (thrown) {
    if (NOT_THERE.has(errnoOf(thrown) ?? "")) return undefined;
    throw systemError(thrown, `cannot stat file '${path}'`);
  }
}
