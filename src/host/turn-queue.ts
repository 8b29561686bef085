import { DomsnapError } from "../core/errors/index.js";
import type { LockOptions } from "../core/ports/index.js";

/** A timer of Node cannot be set to more, and goes off at once if it is. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Lets the calls of one process that share a key run one after another, in the order they came. */
export class TurnQueue {
  readonly #tails = new Map<string, Promise<void>>();

  /** Whether anybody works or waits. */
  isBusy(key: string): boolean {
    return this.#tails.has(key);
  }

  /**
   * Runs `work` when everybody before has finished. Throws `locked` with `busyMessage` when the
   * time is up before that, and `cancelled` on abort; `work` is then not called.
   */
  async run<Result>(
    key: string,
    options: LockOptions,
    busyMessage: string,
    work: () => Promise<Result>,
  ): Promise<Result> {
    const before = this.#tails.get(key);
    let leave!: () => void;
    const done = new Promise<void>((resolve) => (leave = resolve));
    // One who gives up must not let those behind past those before.
    const tail = before ? before.then(() => done) : done;
    this.#tails.set(key, tail);
    try {
      throwIfAborted(options.signal);
      if (before) await waitForTurn(before, options, busyMessage);
      return await work();
    } finally {
      leave();
      void tail.then(() => {
        this.#forget(key, tail);
      });
    }
  }

  #forget(key: string, tail: Promise<void>): void {
    if (this.#tails.get(key) === tail) this.#tails.delete(key);
  }
}

/** Throws `cancelled` when the caller has given up. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw cancelled();
}

function cancelled(): DomsnapError {
  return new DomsnapError("cancelled", "cancelled while waiting for the lock");
}

async function waitForTurn(
  turn: Promise<void>,
  { timeoutMs, signal }: LockOptions,
  busyMessage: string,
): Promise<void> {
  const { promise: givenUp, stop } = giveUp(timeoutMs, signal, busyMessage);
  try {
    await Promise.race([turn, givenUp]);
  } finally {
    stop();
  }
}

/** A promise that only ever fails: at the end of the time, or on abort. */
function giveUp(timeoutMs: number, signal: AbortSignal | undefined, busyMessage: string) {
  let stop!: () => void;
  const promise = new Promise<never>((_, reject) => {
    const onTimeout = () => {
      reject(new DomsnapError("locked", busyMessage));
    };
    const onAbort = () => {
      reject(cancelled());
    };
    const timer = setTimeout(onTimeout, Math.min(timeoutMs, LONGEST_TIMER_MS));
    signal?.addEventListener("abort", onAbort);
    stop = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
    };
  });
  return { promise, stop };
}
