import { unsupported } from "../errors/unsupported.js";
import type { DiskSnapshot, DomainDisk } from "../model/index.js";
import type { FileProbe } from "../ports/index.js";

/** A snapshot disk next to the domain disk that it belongs to. */
export interface AlignedDisk {
  readonly disk: DomainDisk;
  readonly snapshot: DiskSnapshot;
}

/**
 * Gives every external disk without a file the name `SOURCE.SNAPSHOT`, where SOURCE has lost its
 * last suffix (libvirt: snapshot XML format, "source"). Without a probe, sources are taken to be
 * regular files. Throws `config-unsupported`.
 */
export function assignExternalFiles(
  aligned: readonly AlignedDisk[],
  snapshotName: string,
  probe: FileProbe | undefined,
): DiskSnapshot[] {
  const ownerByPath = new Map<string, string>();
  return aligned.map(({ disk, snapshot }) => {
    const named = needsFile(snapshot)
      ? withGeneratedFile(disk, snapshot, { snapshotName, probe, ownerByPath })
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

function withGeneratedFile(
  disk: DomainDisk,
  snapshot: DiskSnapshot,
  context: {
    readonly snapshotName: string;
    readonly probe: FileProbe | undefined;
    readonly ownerByPath: ReadonlyMap<string, string>;
  },
): DiskSnapshot {
  const failure = `cannot generate external snapshot name for disk '${snapshot.name}'`;
  if (snapshot.type !== "file") throw unsupported(`${failure} on a '${snapshot.type}' device`);
  const sourcePath = disk.source?.path;
  if (sourcePath === undefined) throw unsupported(`${failure} without source`);
  if (context.probe && context.probe(sourcePath).kind !== "regular")
    throw unsupported(
      `source for disk '${snapshot.name}' is not a regular file; refusing to generate external snapshot name`,
    );
  const path = externalFileName(sourcePath, context.snapshotName);
  const owner = context.ownerByPath.get(path);
  if (owner !== undefined) throw unsupported(`${failure}: collision with disk '${owner}'`);
  return { ...snapshot, source: { ...snapshot.source, path } };
}
