import { readdirSync, readFileSync, readlinkSync, realpathSync } from "node:fs";

import { argumentsOf } from "./process-facts.js";

/** A process that has a file open. */
export interface FileHolder {
  readonly pid: number;
  readonly args: readonly string[];
  /** Whether what it has open holds a lock on the file. */
  readonly hasLock: boolean;
}

/** The other processes that have a file open, as far as we may look into them. Throws nothing. */
export function findHolders(path: string): FileHolder[] {
  try {
    const real = realpathSync(path);
    return readdirSync("/proc")
      .map(Number)
      .filter((pid) => Number.isInteger(pid) && pid !== process.pid)
      .flatMap((pid) => {
        const descriptors = descriptorsOf(pid, real);
        if (descriptors.length === 0) return [];
        const args = argumentsOf(pid).filter((word) => word !== "");
        return [{ pid, args, hasLock: descriptors.some((name) => holdsLock(pid, name)) }];
      });
  } catch {
    return [];
  }
}

/** The descriptors by which a process has a file open. */
function descriptorsOf(pid: number, path: string): string[] {
  try {
    const folder = `/proc/${pid}/fd`;
    return readdirSync(folder).filter((name) => isLinkTo(`${folder}/${name}`, path));
  } catch {
    return [];
  }
}

/** The kernel tells the locks of an open file, whichever processes share it. */
function holdsLock(pid: number, descriptor: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/fdinfo/${descriptor}`, "utf8").includes("\nlock:");
  } catch {
    return false;
  }
}

function isLinkTo(link: string, path: string): boolean {
  try {
    return readlinkSync(link) === path;
  } catch {
    // It was closed meanwhile.
    return false;
  }
}
