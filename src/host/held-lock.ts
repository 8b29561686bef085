import { AsyncLocalStorage } from "node:async_hooks";

const KEY = Symbol.for("domsnap.heldLock");

/** A lock that is held by an open file. */
export interface HeldLock {
  /** Of the locked files; programs that inherit them keep the locks. */
  readonly descriptors: readonly number[];
  /** Called and awaited when the holder is done, right before it lets go of the file. */
  readonly atRelease: Set<() => Promise<void>>;
}

/** One for the process: a plugin runs its programs by its own copy of this package. */
const shared = globalThis as { [KEY]?: AsyncLocalStorage<HeldLock> };
const held = (shared[KEY] ??= new AsyncLocalStorage<HeldLock>());

/**
 * Runs `work` with the descriptors of locked files, which programs started meanwhile can inherit, with
 * those that are held already.
 */
export async function whileHolding<Result>(
  descriptors: readonly number[],
  work: () => Promise<Result>,
): Promise<Result> {
  const lock = {
    descriptors: [...(heldLock()?.descriptors ?? []), ...descriptors],
    atRelease: new Set<() => Promise<void>>(),
  };
  try {
    return await held.run(lock, work);
  } finally {
    for (const callback of lock.atRelease) await callback();
  }
}

/** The lock that the present call works under; undefined outside of one. */
export function heldLock(): HeldLock | undefined {
  return held.getStore();
}
