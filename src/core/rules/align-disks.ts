import { DomsnapError } from "../errors/index.js";
import { unsupported } from "../errors/unsupported.js";
import {
  isEmptyDrive,
  type DiskSource,
  type DiskSnapshot,
  type DomainDefinition,
  type DomainDisk,
  type SnapshotMode,
} from "../model/index.js";
import { assignExternalFiles, type NamingOptions } from "./external-file-name.js";

export interface AlignOptions extends NamingOptions {
  /** For disks that nobody says anything about. */
  readonly defaultMode: SnapshotMode;
  /** Whether an internal default binds every disk: another mode is then an error. */
  readonly uniform: boolean;
}

/** A snapshot disk whose mode is decided. */
export type DecidedDisk = DiskSnapshot & { readonly mode: SnapshotMode };

/**
 * Completes the disks of a request to one entry for each disk of the domain, in the domain's
 * order, with mode and file decided. A request may name disks by target or by absolute source
 * path. Linear in the number of disks. Throws `config-unsupported`, and `internal-error` without
 * a definition. (libvirt: "disks" of the snapshot XML format, virDomainSnapshotAlignDisks.)
 */
export function alignDisks(
  requested: readonly DiskSnapshot[],
  definition: DomainDefinition | undefined,
  options: AlignOptions,
): DecidedDisk[] {
  if (!definition) throw new DomsnapError("internal-error", "missing domain in snapshot");
  const disks = definition.disks;
  if (requested.length > disks.length)
    throw unsupported("too many disk snapshot requests for domain");
  const decided = decideRequested(requested, disks, options);
  const aligned = disks.map((disk) => ({
    disk,
    snapshot: decided.get(disk.target) ?? unmentioned(disk, options),
  }));
  return assignExternalFiles(aligned, options) as DecidedDisk[];
}

function decideRequested(
  requested: readonly DiskSnapshot[],
  disks: readonly DomainDisk[],
  options: AlignOptions,
): Map<string, DecidedDisk> {
  const find = diskFinder(disks);
  const decided = new Map<string, DecidedDisk>();
  for (const request of requested) {
    const disk = find(request.name);
    if (!disk) throw unsupported(`no disk named '${request.name}'`);
    if (decided.has(disk.target)) throw unsupported(`disk '${request.name}' specified twice`);
    const mode = requestedMode(request, disk, options);
    const path = imageName(request.source);
    if (path !== undefined && mode !== "external")
      throw unsupported(
        `file '${path}' for disk '${request.name}' requires use of external snapshot mode`,
      );
    decided.set(disk.target, { ...request, name: disk.target, mode });
  }
  return decided;
}

/** Finds a disk by its target, or by the absolute path of its source if only one disk has it. */
function diskFinder(disks: readonly DomainDisk[]): (name: string) => DomainDisk | undefined {
  const byTarget = new Map(disks.map((disk) => [disk.target, disk]));
  const byPath = new Map<string, DomainDisk | undefined>();
  for (const disk of disks) {
    const path = disk.source?.path;
    if (path !== undefined) byPath.set(path, byPath.has(path) ? undefined : disk);
  }
  return (name) => (name.startsWith("/") ? byPath.get(name) : byTarget.get(name));
}

/** The path as libvirt's messages have it: without the volume or pool of a gluster or rbd image. */
function imageName(source: DiskSource | undefined): string | undefined {
  const inVolume = source?.protocol === "gluster" || source?.protocol === "rbd";
  return inVolume ? source.path?.replace(/^[^/]*\//, "") : source?.path;
}

function requestedMode(
  request: DiskSnapshot,
  disk: DomainDisk,
  { defaultMode, uniform }: AlignOptions,
): SnapshotMode {
  const strict = uniform && defaultMode === "internal";
  if (request.mode === undefined)
    return disk.snapshot !== undefined && (!strict || disk.snapshot === "no")
      ? disk.snapshot
      : defaultMode;
  const bothNo = request.mode === "no" && disk.snapshot === "no";
  if (strict && request.mode !== defaultMode && !bothNo)
    throw unsupported(`disk '${request.name}' must use snapshot mode '${defaultMode}'`);
  return request.mode;
}

function unmentioned(disk: DomainDisk, { defaultMode }: AlignOptions): DecidedDisk {
  const mode = isEmptyDrive(disk) ? "no" : (disk.snapshot ?? defaultMode);
  return { name: disk.target, type: "file", mode };
}
