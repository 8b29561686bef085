import { setTimeout as sleep } from "node:timers/promises";

import type { DomsnapError } from "../core/errors/index.js";
import { throwIfAborted } from "./turn-queue.js";

const FIRST_PAUSE_MS = 2;
const LONGEST_PAUSE_MS = 50;

/** What came of one try to get a lock. */
export type LockAttempt<Lock> =
  | { readonly got: Lock }
  /** Made only when nothing else helps: to tell who has it may take long. */
  | { readonly refused: () => DomsnapError };

/**
 * Tries to get a lock until it is there. Asks again and again instead of waiting in the kernel: a
 * waiting call would hold a thread of the pool, and a few of them would keep the owner in this process
 * from finishing. Throws what the last try was refused with when the time is up (`deadlineMs` by
 * `performance.now`), `cancelled` on abort, and what a try throws.
 */
export async function pollLock<Lock>(
  attempt: () => Promise<LockAttempt<Lock>>,
  deadlineMs: number,
  signal: AbortSignal | undefined,
): Promise<Lock> {
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
    throwIfAborted(signal);
    const outcome = await attempt();
    if ("got" in outcome) return outcome.got;
    const leftMs = deadlineMs - performance.now();
    if (leftMs <= 0) throw outcome.refused();
    await sleep(Math.min(pauseMs, leftMs), undefined, signal ? { signal } : {}).catch(
      () => undefined,
    );
  }
}
