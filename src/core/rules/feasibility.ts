import { DomsnapError } from "../errors/index.js";
import { unsupported } from "../errors/unsupported.js";
import {
  isActive,
  isEmptyDrive,
  type Domain,
  type DomainDisk,
  type MemorySnapshot,
  type SnapshotState,
} from "../model/index.js";
import type { FileProbe } from "../ports/index.js";
import type { DecidedDisk } from "./align-disks.js";
import { disksStandAlone, type DriverRules } from "../model/driver-rules.js";

/** A snapshot whose kind, disks and files are decided, about to be taken. */
export interface FeasibilityQuestion {
  readonly domain: Domain;
  readonly rules: DriverRules;
  readonly state: SnapshotState;
  readonly memory: MemorySnapshot;
  /** One for each disk of the domain, in its order. */
  readonly disks: readonly DecidedDisk[];
  /** Whether external files are to be there already. */
  readonly reuse: boolean;
  readonly probe?: FileProbe | undefined;
}

/**
 * Checks that a snapshot can be taken as decided, as far as the definitions and the target paths
 * tell: disk by disk in the domain's order, then the selection as a whole. Block jobs and the
 * guest are left to those who talk to the hypervisor. (libvirt: QEMU driver, "prepare".) Throws
 * `config-unsupported`, `operation-unsupported`, `internal-error`, `system-error`.
 */
export function assertFeasible(question: FeasibilityQuestion): void {
  question.disks.forEach((snapshot, index) => {
    const disk = question.domain.definition.disks[index];
    if (!disk) return;
    if (snapshot.mode === "internal") assertInternal(disk, snapshot, question);
    if (snapshot.mode === "external") assertExternal(disk, snapshot, question);
  });
  assertSelection(question);
}

function assertInternal(
  disk: DomainDisk,
  snapshot: DecidedDisk,
  { domain, state, rules }: FeasibilityQuestion,
): void {
  const active = isActive(domain);
  if (active && state === "disk-snapshot" && !rules.activeDisksStandAlone)
    throw unsupported(
      `active qemu domains require external disk snapshots; disk ${snapshot.name} requested internal`,
    );
  if (!active) assertLocal("internal", disk);
  if (rules.internalFormats && disk.format && !rules.internalFormats.has(disk.format))
    throw unsupported(
      `internal snapshot for disk ${snapshot.name} unsupported for storage type ${disk.format}`,
    );
}

function assertExternal(
  disk: DomainDisk,
  snapshot: DecidedDisk,
  question: FeasibilityQuestion,
): void {
  assertExternalFormat(snapshot, question.rules);
  if (isActive(question.domain)) assertExternalActive(disk, snapshot);
  else assertExternalInactive(disk, snapshot);
  if (disk.shareable && !disk.readonly && snapshot.format !== "raw")
    throw unsupported(
      `shared access for disk '${disk.target}' requires use of supported storage format`,
    );
  if (!question.probe) return;
  assertPlain(snapshot);
  assertTargetFile(snapshot, question.reuse, question.probe);
}

function assertExternalFormat({ name, ...snapshot }: DecidedDisk, rules: DriverRules): void {
  const format = snapshot.format;
  if (format === undefined) return;
  if (rules.externalFormats && !rules.externalFormats.has(format))
    throw unsupported(`external snapshot format for disk ${name} is unsupported: ${format}`);
  if (snapshot.metadataCacheMaxBytes !== undefined && format !== "qcow2")
    throw unsupported("metadata cache max size control is supported only with qcow2 images");
}

function assertExternalInactive(disk: DomainDisk, snapshot: DecidedDisk): void {
  assertLocal("external", disk);
  if (!isLocal(snapshot.type)) throw notLocal("external", `'${snapshot.type}' disks`);
}

/** While the domain is off, work is done on files and devices of this host only. */
function assertLocal(mode: "internal" | "external", disk: DomainDisk): void {
  if (isLocal(disk.type)) return;
  const protocol = disk.source?.protocol ?? "none";
  const using = disk.type === "network" ? ` using '${protocol}' protocol` : "";
  throw notLocal(mode, `'${disk.type}' disks${using}`);
}

function notLocal(mode: "internal" | "external", disks: string): DomsnapError {
  return new DomsnapError(
    "internal-error",
    `${mode} inactive snapshots are not supported on ${disks}`,
  );
}

function assertExternalActive(disk: DomainDisk, snapshot: DecidedDisk): void {
  if (disk.device === "lun")
    throw unsupported("external active snapshots are not supported on scsi passthrough devices");
  const noBlockJobs = whyNoBlockJobs(disk);
  if (noBlockJobs !== undefined)
    throw new DomsnapError(
      "operation-unsupported",
      `block jobs are not supported on ${noBlockJobs}`,
    );
  if (!isLocal(snapshot.type) && snapshot.type !== "network")
    throw new DomsnapError(
      "internal-error",
      `external active snapshots are not supported on '${snapshot.type}' disks`,
    );
}

function whyNoBlockJobs(disk: DomainDisk): string | undefined {
  if (disk.bus === "sd") return `disk '${disk.target}' using bus 'sd'`;
  if (disk.transient) return `transient disk '${disk.target}'`;
  if (disk.type === "vhostuser") return `vhostuser disk '${disk.target}'`;
  return undefined;
}

/** An element that would be lost must not look as if it had been heeded. */
function assertPlain({ name, source }: DecidedDisk): void {
  if (source?.xml?.includes("<encryption") !== true) return;
  throw unsupported(`the file of snapshot disk '${name}' cannot be encrypted`);
}

/** An empty regular file at the target is as good as none. */
function assertTargetFile(snapshot: DecidedDisk, reuse: boolean, probe: FileProbe): void {
  const path = snapshot.source?.path;
  if (path === undefined || !isLocal(snapshot.type)) return;
  const fact = probe(path);
  switch (fact.kind) {
    case "unknown":
      throw new DomsnapError(
        "system-error",
        `unable to stat for disk ${snapshot.name}: ${path}: ${fact.reason}`,
      );
    case "absent":
      return assertAbsentIsFine(snapshot, { path, isStorage: fact.isStorage === true }, reuse);
    case "stored":
      return assertStoredIsFine(snapshot, path, reuse);
    case "regular":
    case "block":
    case "other":
      if (fact.kind !== (snapshot.type === "block" ? "block" : "regular"))
        throw unsupported(
          `mismatch between configured type for snapshot disk '${snapshot.name}' and the type of existing file '${path}'`,
        );
      if (fact.kind === "regular" && fact.sizeBytes > 0 && !reuse)
        throw unsupported(
          `external snapshot file for disk ${snapshot.name} already exists and is not a block device: ${path}`,
        );
  }
}

function assertStoredIsFine({ name, type }: DecidedDisk, path: string, reuse: boolean): void {
  if (type !== "block")
    throw unsupported(`'${path}' for disk '${name}' is no file: it needs the type 'block'`);
  if (!reuse) throw unsupported(`external snapshot for disk ${name} already exists: ${path}`);
}

function assertAbsentIsFine(
  snapshot: DecidedDisk,
  { path, isStorage }: { readonly path: string; readonly isStorage: boolean },
  reuse: boolean,
): void {
  if (reuse)
    throw new DomsnapError(
      "system-error",
      `missing existing file for disk ${snapshot.name}: ${path}: No such file or directory`,
    );
  if (isStorage) return assertStoredIsFine(snapshot, path, true);
  if (snapshot.type === "block")
    throw new DomsnapError(
      "operation-unsupported",
      `block device snapshot target '${path}' doesn't exist`,
    );
}

function assertSelection({ domain, rules, state, memory, disks }: FeasibilityQuestion): void {
  const internal = disks.some((disk) => disk.mode === "internal");
  const external = disks.some((disk) => disk.mode === "external");
  const standAlone = disksStandAlone(rules, isActive(domain));
  if (!internal && !external && memory.mode === "no")
    throw unsupported("nothing selected for snapshot");
  const incomplete = internal && !standAlone && leavesDataOut(domain, disks);
  if ((memory.mode === "internal" && !internal && !standAlone) || incomplete)
    throw unsupported(
      "internal and full system snapshots require all disks to be selected for snapshot",
    );
  if (state === "disk-snapshot" && !external && !(internal && standAlone))
    throw unsupported("disk-only snapshots require at least one disk to be selected for snapshot");
  const mixed =
    (internal && (external || memory.mode === "external")) ||
    (memory.mode === "internal" && external);
  if (mixed && !standAlone)
    throw unsupported("mixing internal and external targets for a snapshot is not yet supported");
  if (internal && domain.definition.pflashFirmware)
    throw new DomsnapError(
      "operation-unsupported",
      "internal snapshots of a VM with pflash based firmware are not supported",
    );
}

/** Whether a disk that the guest can write to is not part of the snapshot. */
function leavesDataOut(domain: Domain, disks: readonly DecidedDisk[]): boolean {
  return disks.some((snapshot, index) => {
    if (snapshot.mode === "manual") return true;
    const disk = domain.definition.disks[index];
    return snapshot.mode === "no" && !!disk && !disk.readonly && !isEmptyDrive(disk);
  });
}

function isLocal(type: string): boolean {
  return type === "file" || type === "block";
}
