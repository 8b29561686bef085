import { DomsnapError } from "../errors/index.js";
import {
  isExternalSnapshot,
  type Domain,
  type DomainSnapshot,
  type RevertFlags,
} from "../model/index.js";
import type { DriverRules } from "../model/driver-rules.js";
import { assertRevertFlags } from "./flags.js";

export interface RevertRequest {
  readonly domain: Domain;
  /** The complete record, from the store. */
  readonly snapshot: DomainSnapshot;
  readonly flags: RevertFlags;
  readonly rules: DriverRules;
}

/** What a revert brings the domain to. */
export interface RevertTarget {
  readonly state: "shutoff" | "running" | "paused";
  /** Whether the guest goes on from the snapshot's memory; else an active target is a cold start. */
  readonly fromMemory: boolean;
}

/**
 * Checks a revert as far as the record and the domain's state tell, and says what it leads to
 * (libvirt: virDomainRevertToSnapshot, QEMU driver). The domain is always stopped first and
 * started anew. Throws `invalid-flags`, `operation-invalid`, `config-unsupported`, `revert-risky`,
 * `operation-unsupported`, `internal-error`.
 */
export function revertTarget(request: RevertRequest): RevertTarget {
  const { domain, snapshot, flags, rules } = request;
  assertRevertFlags(flags, rules);
  const online = snapshot.state === "running" || snapshot.state === "paused";
  if (!domain.persistent && !online && flags.running !== true && flags.paused !== true)
    throw new DomsnapError(
      "operation-invalid",
      "transient domain needs to request run or pause to revert to inactive snapshot",
    );
  if (!rules.revertsExternal && isExternalSnapshot(snapshot))
    throw new DomsnapError("config-unsupported", "revert to external snapshot not supported yet");
  if (!snapshot.domain)
    throw new DomsnapError(
      "revert-risky",
      `snapshot '${snapshot.name}' lacks domain '${domain.name}' rollback info`,
      { hint: "Redefine the snapshot with a document that holds its <domain>." },
    );
  const state = targetState(request);
  const withMemory = snapshot.memory !== undefined && snapshot.memory.mode !== "no";
  return { state, fromMemory: online && withMemory && state !== "shutoff" };
}

function targetState({ snapshot, flags, rules }: RevertRequest): RevertTarget["state"] {
  const recorded = recordedState(snapshot, rules);
  if (flags.running === true) return "running";
  if (flags.paused === true) return "paused";
  return recorded;
}

function recordedState(snapshot: DomainSnapshot, rules: DriverRules): RevertTarget["state"] {
  switch (snapshot.state) {
    case "running":
    case "paused":
      return snapshot.state;
    case "shutdown":
    case "shutoff":
    case "crashed":
      return "shutoff";
    case "disk-snapshot":
      // Disks of a running guest: what they hold is what a crash would have left (libvirt 10.10).
      if (rules.revertsExternal) return "shutoff";
      break;
    case "pmsuspended":
      throw new DomsnapError(
        "operation-unsupported",
        "qemu doesn't support reversion of snapshot taken in PMSUSPENDED state",
      );
    case "nostate":
    case "blocked":
    case undefined:
      break;
  }
  throw new DomsnapError(
    "internal-error",
    `Invalid target domain state '${snapshot.state ?? "nostate"}'. Refusing snapshot reversion`,
  );
}
