import { AsyncLocalStorage } from "node:async_hooks";

const held = new AsyncLocalStorage<number>();

/** Runs `work` with the descriptor of a locked file, which programs started meanwhile can inherit. */
export function whileHolding<Result>(
  descriptor: number,
  work: () => Promise<Result>,
): Promise<Result> {
  return held.run(descriptor, work);
}

/** The descriptor of the lock that the present call works under; undefined outside of one. */
export function heldLock(): number | undefined {
  return held.getStore();
}
