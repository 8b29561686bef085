import { readdirSync, rmSync, statSync, utimesSync } from "node:fs";
import { join } from "node:path";

/** What nobody has used for so long belongs to a machine that is not tested any more. */
const KEPT_MS = 3 * 24 * 60 * 60 * 1000;

/** Says that a folder of a cache is used now. */
export function touchCached(folder: string): void {
  const now = new Date();
  try {
    utimesSync(folder, now, now);
  } catch {
    // Of another user: it is used all the same, and its own user keeps it.
  }
}

/** Removes what nobody has used for three days; others may do the same at the same time. */
export function pruneCache(cache: string, nowMs = Date.now()): void {
  for (const name of readdirSync(cache)) {
    const folder = join(cache, name);
    const used = statSync(folder, { throwIfNoEntry: false })?.mtimeMs;
    if (used !== undefined && nowMs - used > KEPT_MS)
      rmSync(folder, { recursive: true, force: true });
  }
}
