/** Whether an operation has happened, as the world shows it. */
export type Settled = "done" | "not-done";

/** The answer of an operation's `settle`. */
export function settled(isDone: boolean): Settled {
  return isDone ? "done" : "not-done";
}
