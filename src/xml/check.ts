import {
  buildSnapshotTree,
  type CreateFlags,
  type Domain,
  type DomainSnapshot,
  type DomainState,
  qemuRules,
  type DriverRules,
} from "../core/model/index.js";
import type { FileProbe } from "../core/ports/host-files.js";
import {
  assertCreateCall,
  parseOptionsOf,
  prepareCreate,
  prepareRedefine,
} from "../core/rules/index.js";
import { parseDomain } from "./domain.js";
import { formatSnapshot } from "./snapshot-format.js";
import { parseSnapshot } from "./snapshot.js";

export interface SnapshotCheck {
  /** The `<domainsnapshot>` to check. */
  readonly document: string;
  readonly domain: {
    readonly xml: string;
    /** Default `shutoff`. */
    readonly state?: DomainState;
    /** Default true. */
    readonly persistent?: boolean;
    /** The next-boot definition of an active domain. */
    readonly inactiveXml?: string;
  };
  /** The snapshots that the domain has, as documents or parsed, oldest first. */
  readonly existing?: readonly (string | DomainSnapshot)[];
  /** Name of the current snapshot, the parent of a new one. */
  readonly current?: string;
  readonly flags?: CreateFlags;
  /** Whose rules; default libvirt's QEMU driver. */
  readonly rules?: DriverRules;
  /** The creation time of a new snapshot; default now. */
  readonly nowSeconds?: bigint;
  /** Looks at files of the host; without it, disks count as there and targets as not. */
  readonly probe?: FileProbe;
}

export interface CheckedSnapshot {
  readonly snapshot: DomainSnapshot;
  /** The complete document as libvirt would print it. */
  readonly xml: string;
}

/**
 * Says what libvirt would make of a document, without a hypervisor and without any effect: the
 * snapshot as it would be recorded, or the error that libvirt would answer with. New snapshots and
 * redefined ones (flag `redefine`). Pure and synchronous but for the probe that is given.
 */
export function checkSnapshotXml(check: SnapshotCheck): CheckedSnapshot {
  const call = {
    flags: check.flags ?? {},
    domain: describedDomain(check.domain),
    rules: check.rules ?? qemuRules,
  };
  assertCreateCall(call);
  const parsed = parseSnapshot(check.document, parseOptionsOf(call));
  const existing = (check.existing ?? []).map((one) =>
    typeof one === "string" ? parseRecord(one) : one,
  );
  const tree = buildSnapshotTree(existing);
  const request = { ...call, parsed, probe: check.probe };
  const snapshot =
    call.flags.redefine === true
      ? prepareRedefine({
          ...request,
          heads: tree.byName,
          existing: existing.find(({ name }) => name === parsed.name),
        })
      : prepareCreate({
          ...request,
          existingNames: tree.byName,
          currentParent: check.current,
          nowSeconds: check.nowSeconds ?? BigInt(Math.floor(Date.now() / 1000)),
        });
  return { snapshot, xml: formatSnapshot(snapshot) };
}

/** A record in libvirt's layout, passwords left out; throws what `parseSnapshot` throws. */
export function formatSnapshotXml(text: string): string {
  return formatSnapshot(parseRecord(text));
}

function parseRecord(text: string): DomainSnapshot {
  const parsed = parseSnapshot(text, { redefine: true });
  return { ...parsed, name: parsed.name ?? "" };
}

function describedDomain(described: SnapshotCheck["domain"]): Domain {
  const definition = parseDomain(described.xml);
  return {
    name: definition.name,
    uuid: definition.uuid,
    state: described.state ?? "shutoff",
    persistent: described.persistent ?? true,
    definition,
    ...(described.inactiveXml !== undefined && {
      inactiveDefinition: parseDomain(described.inactiveXml),
    }),
  };
}
