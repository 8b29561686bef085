import type { ImageRef } from "../model/index.js";
import type { Identity } from "./evidence.js";

/** What stands in a storage under a name. */
export interface StoredState {
  /** The id that the storage itself gives; it outlives renames, and no other state ever gets it. */
  readonly identity: Identity;
}

/**
 * Where a backend keeps states that are no files: a volume group, a pool. Its names stand in
 * documents where paths stand, and whether something is there is asked of the storage: a name may
 * have no file, or a device node that tells nothing of who made it.
 */
export interface StateStorage {
  /**
   * Of some names those that lie in this storage, with what stands there, or `undefined` for a name
   * that is free. All names that lead to one state are told with one identity. Names of other places
   * are left out. Read-only; asked often, with many names at once. Throws `system-error` where it
   * cannot be told, which is not the same as free.
   */
  find(locators: readonly string[]): Promise<ReadonlyMap<string, StoredState | undefined>>;
  /**
   * The name that the state of an image gets when nobody names one: by the storage's own rules,
   * whatever the snapshot is called. Pure.
   */
  nameFor(image: ImageRef, snapshotName: string): string;
}
