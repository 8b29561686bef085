import type { DomainLock, Journal } from "./domain-guard.js";
import type { SnapshotStore } from "./snapshot-store.js";
import type { Toolstack } from "./toolstack.js";

/** What stands behind one URI. */
export interface Connection {
  readonly toolstack: Toolstack;
  readonly store: SnapshotStore;
  readonly journal: Journal;
  readonly lock: DomainLock;
  close(): Promise<void>;
}

/** Opens connections for the URIs of some schemes; one a toolstack plugin, multi-injected. */
export interface ConnectionProvider {
  /** Without the colon: `file`, `test`, `xen`, `qemu+dir`. */
  readonly schemes: readonly string[];
  /** What it serves, for `domsnap plugins`. */
  readonly summary?: string;
  /** Throws `invalid-argument` for a URI it cannot understand. */
  open(uri: string): Promise<Connection>;
}
export const ConnectionProvider = Symbol.for("domsnap.ConnectionProvider");
