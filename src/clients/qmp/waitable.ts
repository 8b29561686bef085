import { DomsnapError } from "../../core/errors/index.js";

export interface WaitOptions {
  /** The longest wait. Missing: the default that the function tells. `Infinity`: for ever. */
  readonly timeoutMs?: number;
  /** Ends the wait with `cancelled`. */
  readonly signal?: AbortSignal;
}

/** A timer of Node cannot be set to more, and goes off at once if it is. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * A promise that is settled from outside, by the end of a time or by an abort signal, whatever
 * comes first; `onEnd` is called then. A failure that nobody waits for is no unhandled rejection.
 */
export function waitable<Result>(
  { timeoutMs = Infinity, signal }: WaitOptions,
  describe: { readonly late: () => DomsnapError; readonly what: string },
  onEnd: () => void,
): {
  readonly promise: Promise<Result>;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: DomsnapError) => void;
} {
  let resolve!: (result: Result) => void;
  let reject!: (error: DomsnapError) => void;
  const promise = new Promise<Result>((onResult, onError) => {
    resolve = onResult;
    reject = onError;
  });
  const onAbort = () => {
    reject(cancelled(describe.what));
  };
  const onTimeout = () => {
    reject(describe.late());
  };
  const timer = timeoutMs <= LONGEST_TIMER_MS ? setTimeout(onTimeout, timeoutMs) : undefined;
  signal?.addEventListener("abort", onAbort);
  if (signal?.aborted) onAbort();
  const end = () => {
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
    onEnd();
  };
  promise.then(end, end);
  return { promise, resolve, reject };
}

function cancelled(what: string): DomsnapError {
  return new DomsnapError("cancelled", `cancelled while waiting for ${what}`);
}
