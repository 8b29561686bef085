import { setTimeout as sleep } from "node:timers/promises";

import { isAlive, type ProcessIdentity } from "./process-facts.js";
import { errnoOf, systemError } from "./system-error.js";

const POLL_PAUSE_MS = 10;

/** Sends a signal to that very process; one that is gone is no error. Throws `system-error`. */
export function signalProcess(one: ProcessIdentity, name: NodeJS.Signals): void {
  if (!isAlive(one)) return;
  try {
    process.kill(one.pid, name);
  } catch (thrown) {
    if (errnoOf(thrown) !== "ESRCH")
      throw systemError(thrown, `Failed to terminate process ${one.pid} with ${name}`);
  }
}

/** Waits until a process has ended; false when it has not by then. */
export async function hasEnded(one: ProcessIdentity, timeoutMs: number): Promise<boolean> {
  const deadlineMs = performance.now() + timeoutMs;
  while (isAlive(one)) {
    if (performance.now() > deadlineMs) return false;
    await sleep(POLL_PAUSE_MS);
  }
  return true;
}
