import { hostname } from "node:os";
import { basename } from "node:path";

import { DomsnapError } from "../../core/errors/index.js";
import { hasEnded, signalProcess } from "../../host/end-process.js";
import { findHolders } from "../../host/file-holders.js";
import { identifyProcess, type ProcessIdentity } from "../../host/process-facts.js";

/** A program of a domsnap that is gone, which goes on with what it was told to do. */
export interface Orphan {
  readonly process: ProcessIdentity;
  readonly description: string;
}

/** Programs that inherit the lock, and whose work recovery undoes or repeats, however far it got. */
const WORKS_ON_IMAGES: ReadonlySet<string> = new Set(["cp", "dd", "qemu-img", "vhd-util"]);

/** How long a program has after SIGTERM, and after SIGKILL. */
const END_TIMEOUTS = { termMs: 2000, killMs: 15_000 };

/**
 * What holds a lock whose owner has ended; `owner` is what the lock's file says. A process that only
 * has the file open, such as a backup that just reads it, is none. Nothing while the owner lives, and
 * for an owner of another host.
 */
export function findOrphans(lock: string, owner: string): Orphan[] {
  const [, ownerPid, host] = /^process (\d+) on (.+)$/.exec(owner) ?? [];
  if (ownerPid === undefined || host !== hostname()) return [];
  const holders = findHolders(lock);
  if (holders.some(({ pid }) => pid === Number(ownerPid))) return [];
  return holders.flatMap(({ pid, args, hasLock }) => {
    const found = identifyProcess(pid);
    if (!found || !hasLock || !WORKS_ON_IMAGES.has(basename(args[0] ?? ""))) return [];
    const description = `'${args.join(" ")}' (process ${pid}), which process ${ownerPid} has left`;
    return [{ process: found, description }];
  });
}

/**
 * Ends a program and waits until it is gone, and with it its hold on the lock. Throws
 * `operation-failed` when it cannot be ended, and `system-error`.
 */
export async function endOrphan({ process, description }: Orphan): Promise<void> {
  signalProcess(process, "SIGTERM");
  if (await hasEnded(process, END_TIMEOUTS.termMs)) return;
  signalProcess(process, "SIGKILL");
  if (await hasEnded(process, END_TIMEOUTS.killMs)) return;
  throw new DomsnapError("operation-failed", `${description} does not end, even by SIGKILL`, {
    hint: "Look at its storage: it probably waits for one that does not answer.",
  });
}
