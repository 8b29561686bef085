import { lstatSync, readlinkSync, type Stats } from "node:fs";
import { dirname, isAbsolute, join, resolve } from "node:path";

/** Why others could change what a path leads to, and the command that would end that. */
export interface Distrust {
  /** The file itself, or a folder or link on the way to it. */
  readonly path: string;
  readonly reason: string;
  readonly command: string;
}

const OTHERS_WRITE = 0o022;
const STICKY = 0o1000;
/** What the kernel follows before it answers ELOOP. */
const MOST_LINKS = 40;

/**
 * Whether only root and the caller can change what a path leads to: the file, and every folder and
 * link on the way. To be asked before something is done on its word. Throws the error of the
 * system for what cannot be looked at.
 */
export function findDistrust(path: string, caller = process.geteuid?.()): Distrust | undefined {
  for (const [entry, stats] of entriesOnTheWay(path)) {
    const distrust = judge(entry, stats, caller);
    if (distrust) return distrust;
  }
  return undefined;
}

/** All that the kernel goes through, from the root to the file. */
function* entriesOnTheWay(path: string): Generator<[path: string, stats: Stats]> {
  const ahead = resolve(path).split("/");
  let here = "/";
  let links = 0;
  yield [here, lstatSync(here)];
  for (let name = ahead.shift(); name !== undefined; name = ahead.shift()) {
    if (name === "" || name === ".") continue;
    if (name === "..") {
      here = dirname(here);
      continue;
    }
    const entry = join(here, name);
    const stats = lstatSync(entry);
    yield [entry, stats];
    if (!stats.isSymbolicLink()) here = entry;
    else if (++links > MOST_LINKS) throw Object.assign(new Error("ELOOP"), { code: "ELOOP" });
    else {
      const target = readlinkSync(entry);
      if (isAbsolute(target)) here = "/";
      ahead.unshift(...target.split("/"));
    }
  }
}

function judge(path: string, stats: Stats, caller: number | undefined): Distrust | undefined {
  if (stats.uid !== 0 && stats.uid !== caller)
    return {
      path,
      reason: `'${path}' belongs to the user ${stats.uid}`,
      command: `chown -h root: '${path}'`,
    };
  if (stats.isSymbolicLink() || (stats.mode & OTHERS_WRITE) === 0) return undefined;
  // In such a folder (/tmp) nobody can replace what belongs to another.
  if (stats.isDirectory() && (stats.mode & STICKY) !== 0) return undefined;
  return { path, reason: `others may write to '${path}'`, command: `chmod go-w '${path}'` };
}
