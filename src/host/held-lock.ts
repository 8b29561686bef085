import { AsyncLocalStorage } from "node:async_hooks";

const KEY = Symbol.for("domsnap.heldLock");

/** One for the process: a plugin runs its programs by its own copy of this package. */
const shared = globalThis as { [KEY]?: AsyncLocalStorage<number> };
const held = (shared[KEY] ??= new AsyncLocalStorage<number>());

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
