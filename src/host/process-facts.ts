import { readFileSync } from "node:fs";

import { errnoOf, systemError } from "./system-error.js";

/** A process that is told from a later one with the same number by when it started. */
export interface ProcessIdentity {
  readonly pid: number;
  /** In the kernel's ticks since boot. */
  readonly startTicks: string;
}

/** The process that has a number now; `undefined` when there is none, or only a zombie. */
export function identifyProcess(pid: number): ProcessIdentity | undefined {
  // `pid (comm) state ppid ...`; the command may hold anything, parentheses too.
  const stat = readProcFile(pid, "stat");
  const [state, ...rest] = stat?.slice(stat.lastIndexOf(")") + 2).split(" ") ?? [];
  const startTicks = rest[18];
  if (startTicks === undefined || state === "Z" || state === "X") return undefined;
  return { pid, startTicks };
}

export function isAlive(process: ProcessIdentity): boolean {
  return identifyProcess(process.pid)?.startTicks === process.startTicks;
}

/** The arguments that a process was started with; none for one that is gone or is ending. */
export function argumentsOf(pid: number): readonly string[] {
  return readProcFile(pid, "cmdline")?.split("\0") ?? [];
}

function readProcFile(pid: number, name: string): string | undefined {
  const path = `/proc/${pid}/${name}`;
  try {
    return readFileSync(path, "utf8");
  } catch (thrown) {
    // ESRCH: it ended between open and read.
    if (errnoOf(thrown) === "ENOENT" || errnoOf(thrown) === "ESRCH") return undefined;
    throw systemError(thrown, `cannot read file '${path}'`);
  }
}
