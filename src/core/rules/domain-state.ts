import { DomsnapError } from "../errors/index.js";
import {
  isActive,
  type CreateFlags,
  type Domain,
  type MemorySnapshot,
  type SnapshotState,
} from "../model/index.js";

/**
 * Refuses domains in states in which no coherent snapshot exists (libvirt: QEMU driver). Throws
 * `operation-unsupported` and `internal-error`.
 */
export function assertDomainState(state: SnapshotState | undefined, flags: CreateFlags): void {
  switch (state) {
    case "running":
    case "paused":
    case "shutdown":
    case "shutoff":
    case "crashed":
      return;
    case "disk-snapshot":
      if (flags.redefine === true) return;
      break;
    case "pmsuspended":
      throw new DomsnapError(
        "operation-unsupported",
        "qemu doesn't support taking snapshots of PMSUSPENDED guests",
      );
    case "nostate":
    case "blocked":
    case undefined:
      break;
  }
  throw new DomsnapError("internal-error", `Invalid domain state ${state ?? "nostate"}`);
}

/** Only memory that goes to a file can be written while the guest runs. */
export function assertLiveIsPossible(domain: Domain, memory: MemorySnapshot | undefined): void {
  if (isActive(domain) && memory?.mode === "external") return;
  throw new DomsnapError(
    "operation-unsupported",
    "live snapshot creation is supported only during full system snapshots",
  );
}
