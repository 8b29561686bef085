import { readdirSync, readlinkSync, realpathSync } from "node:fs";

import { argumentsOf } from "./process-facts.js";

/** A process that has a file open. */
export interface FileHolder {
  readonly pid: number;
  readonly args: readonly string[];
}

/** The other processes that have a file open, as far as we may look into them. Throws nothing. */
export function findHolders(path: string): FileHolder[] {
  try {
    const real = realpathSync(path);
    return readdirSync("/proc")
      .map(Number)
      .filter((pid) => Number.isInteger(pid) && pid !== process.pid && hasOpen(pid, real))
      .map((pid) => ({ pid, args: argumentsOf(pid).filter((word) => word !== "") }));
  } catch {
    return [];
  }
}

function hasOpen(pid: number, path: string): boolean {
  try {
    const folder = `/proc/${pid}/fd`;
    return readdirSync(folder).some((name) => isLinkTo(`${folder}/${name}`, path));
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
