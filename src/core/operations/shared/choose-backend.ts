import { DomsnapError } from "../../errors/index.js";
import type {
  DiskSnapshot,
  Domain,
  DomainDefinition,
  DomainDisk,
  SnapshotForm,
} from "../../model/index.js";
import type { BackendRegistry } from "../../plan/backend-registry.js";
import { findDisk, groupBy, isTaken } from "../../plan/disk-images.js";
import type { KeptDisk, TakenDisk } from "../../plan/kept-disk.js";
import type { DiskBackend, DiskVerdict, DiskWish, Toolstack } from "../../ports/index.js";

/** A disk that takes part, with the backend that does the work. */
export interface AssignedDisk extends KeptDisk {
  readonly backend: DiskBackend;
}

/** What a toolstack has against a form of snapshot of a disk; see `Toolstack.diskAssessor`. */
export type DiskAssessor = (disk: DomainDisk, wish: DiskWish) => DiskVerdict | undefined;

/** Asks the toolstack, if it has a say. */
export async function diskAssessor(toolstack: Toolstack, domain: Domain): Promise<DiskAssessor> {
  return (await toolstack.diskAssessor?.(domain)) ?? (() => undefined);
}

/** Why something is not possible with a disk, and what would make it so. */
export interface Refusal {
  readonly target: string;
  readonly reason: string;
  readonly remedy: string;
}

/**
 * Finds who keeps every disk that takes part and asks each whether it can do its part. All
 * refusals are collected into one `disk-unsupported`, so that one run tells everything.
 */
export async function assignBackends(
  backends: BackendRegistry,
  definition: DomainDefinition | undefined,
  disks: readonly DiskSnapshot[],
  wish: Pick<DiskWish, "verb" | "live" | "captured">,
  assessor: DiskAssessor = () => undefined,
): Promise<AssignedDisk[]> {
  const assigned: AssignedDisk[] = [];
  const refusals: Refusal[] = [];
  for (const disk of disks.filter(isTaken)) {
    const outcome = await assign(backends, definition, disk, wish, assessor);
    if ("reason" in outcome) refusals.push(outcome);
    else assigned.push(outcome);
  }
  if (refusals.length > 0) throw refused(refusals);
  return assigned;
}

async function assign(
  backends: BackendRegistry,
  definition: DomainDefinition | undefined,
  disk: TakenDisk,
  wish: Pick<DiskWish, "verb" | "live" | "captured">,
  assessor: DiskAssessor,
): Promise<AssignedDisk | Refusal> {
  const target = disk.name;
  if (!definition) return { target, ...withoutDefinition(disk) };
  const domainDisk = findDisk(definition, target);
  if (!domainDisk)
    return {
      target,
      reason: `disk '${target}' is not in the domain that the snapshot describes`,
      remedy: "Redefine the snapshot with the domain that it was taken of.",
    };
  const backend = backends.keeperOf(domainDisk, disk);
  if (!backend) return { target, ...unclaimed(domainDisk, disk) };
  const whole = askedOf(backend, { ...wish, ...formOf(disk) });
  const verdict = assessor(domainDisk, whole) ?? (await backend.assess(domainDisk, whole));
  if (!verdict.possible) return { target, reason: verdict.reason, remedy: verdict.remedy };
  return { disk, domainDisk, backend };
}

/** A wish as one backend would carry it out, and as it is assessed. */
export function askedOf(
  { externalKind }: Pick<DiskBackend, "externalKind">,
  wish: DiskWish,
): DiskWish {
  return wish.mode === "external" ? { ...wish, externalKind } : wish;
}

/** The form in which a disk is kept. */
export function formOf({ mode, format }: TakenDisk): SnapshotForm {
  return { mode, ...(format && { format }) };
}

/** Of a record that others have made, or that was redefined without a domain. */
function withoutDefinition({ name, source }: TakenDisk) {
  const below =
    source?.path === undefined ? `the image of disk '${name}'` : `the image below '${source.path}'`;
  return {
    reason: `the snapshot holds no definition of its domain, and ${below} cannot be told`,
    remedy:
      "Bring that file back if it is gone, or redefine the snapshot with the domain that it was " +
      "taken of; 'domsnap snapshot-delete --metadata' forgets it and leaves all files.",
  };
}

function unclaimed(domainDisk: DomainDisk, disk: AssignedDisk["disk"]) {
  const driver = domainDisk.driverName ?? "no driver name";
  const format = domainDisk.format ?? "raw";
  if (disk.mode === "external" && disk.format !== undefined)
    return {
      reason: `external snapshot format for disk ${disk.name} is unsupported: ${disk.format}`,
      remedy: "Use driver type 'qcow2' for an overlay, or 'raw' for a copy of a raw disk.",
    };
  return {
    reason: `no disk backend can take an ${disk.mode} snapshot of disk '${disk.name}' (${driver}, ${format})`,
    remedy: "Run 'domsnap capabilities DOMAIN' to see what each disk can do.",
  };
}

/** What several disks have in common is said once. */
export function refused(refusals: readonly Refusal[]): DomsnapError {
  const reasons = new Set(refusals.map(({ reason }) => reason));
  const groups = [...groupBy(refusals, ({ remedy }) => remedy)];
  const hints = groups.map(([remedy, disks]) =>
    groups.length === 1 ? remedy : `For ${disks.map(({ target }) => target).join(", ")}: ${remedy}`,
  );
  return new DomsnapError("disk-unsupported", [...reasons].join("; "), { hint: hints.join(" ") });
}
