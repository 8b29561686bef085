import { unsupported } from "../errors/unsupported.js";
import type { DiskSnapshot, DomainDisk } from "../model/index.js";
import type { FileProbe } from "../ports/index.js";

/** A snapshot disk next to the domain disk that it belongs to. */
export interface AlignedDisk {
  readonly disk: DomainDisk;
  readonly snapshot: DiskSnapshot;
}

/** Names what an external snapshot of a disk makes, where that is no file beside its image. */
export type StateNamer = (
  disk: DomainDisk,
  wish: Pick<DiskSnapshot, "backend" | "format">,
) => string | undefined;

/** What the names of new files are made from. */
export interface NamingOptions {
  readonly snapshotName: string;
  /** Missing: no file is looked at, sources are taken to be regular files. */
  readonly probe?: FileProbe | undefined;
  /** Asked first. Missing: everything is a file. */
  readonly nameState?: StateNamer | undefined;
}

/**
 * Gives every external disk without a file the name `SOURCE.SNAPSHOT`, where SOURCE has lost its
 * last suffix (libvirt: snapshot XML format, "source"). Without a probe, sources are taken to be
 * regular files. Throws `config-unsupported`.
 */
export function assignExternalFiles(
  aligned: readonly AlignedDisk[],
  options: NamingOptions,
): DiskSnapshot[] {
  const ownerByPath = new Map<string, string>();
  return aligned.map(({ disk, snapshot }) => {
    const named = needsFile(snapshot)
      ? withGeneratedName(disk, snapshot, options, ownerByPath)
      : snapshot;
    const path = named.source?.path;
    if (path !== undefined && !ownerByPath.has(path)) ownerByPath.set(path, named.name);
    return named;
  });
}

/** `/img/a.qcow2` and `snap` give `/img/a.snap`; a dot in a folder's name is no suffix. */
export function externalFileName(sourcePath: string, snapshotName: string): string {
  const dot = sourcePath.lastIndexOf(".");
  const hasSuffix = dot > sourcePath.lastIndexOf("/");
  return `${hasSuffix ? sourcePath.slice(0, dot) : sourcePath}.${snapshotName}`;
}

function needsFile(snapshot: DiskSnapshot): boolean {
  return snapshot.mode === "external" && snapshot.source?.path === undefined;
}

function withGeneratedName(
  disk: DomainDisk,
  snapshot: DiskSnapshot,
  options: NamingOptions,
  ownerByPath: ReadonlyMap<string, string>,
): DiskSnapshot {
  const state = options.nameState?.(disk, snapshot);
  const failure = `cannot generate external snapshot name for disk '${snapshot.name}'`;
  const path = state ?? generatedFile(disk, snapshot, options, failure);
  const owner = ownerByPath.get(path);
  if (owner !== undefined) throw unsupported(`${failure}: collision with disk '${owner}'`);
  const type = state === undefined ? snapshot.type : "block";
  return { ...snapshot, type, source: { ...snapshot.source, path } };
}

function generatedFile(
  disk: DomainDisk,
  snapshot: DiskSnapshot,
  { snapshotName, probe }: NamingOptions,
  failure: string,
): string {
  if (snapshot.type !== "file") throw unsupported(`${failure} on a '${snapshot.type}' device`);
  const sourcePath = disk.source?.path;
  if (sourcePath === undefined) throw unsupported(`${failure} without source`);
  if (probe && probe(sourcePath).kind !== "regular")
    throw unsupported(
      `source for disk '${snapshot.name}' is not a regular file; refusing to generate external snapshot name`,
    );
  return externalFileName(sourcePath, snapshotName);
}
