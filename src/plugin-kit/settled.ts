import type { Settled } from "../core/ports/index.js";

/** The answer of an operation's `settle`. */
export function settled(isDone: boolean): Settled {
  return isDone ? "done" : "not-done";
}
