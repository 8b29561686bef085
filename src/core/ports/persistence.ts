import type { DomainLock, Journal } from "./domain-guard.js";
import type { SnapshotStore } from "./snapshot-store.js";

/** What a connection keeps between its calls; the parts belong together and share one place. */
export interface Persistence {
  readonly store: SnapshotStore;
  readonly journal: Journal;
  readonly lock: DomainLock;
}

/** Records, journal and locks below a state folder (an absolute path), made when first needed. */
export type FilePersistence = (stateFolder: string) => Persistence;
export const FilePersistence = Symbol.for("domsnap.FilePersistence");

/** The same in the memory of this process, empty at first. */
export type MemoryPersistence = () => Persistence;
export const MemoryPersistence = Symbol.for("domsnap.MemoryPersistence");
