import type { CreateFlags, DomainSnapshot, ImageRef } from "../../model/index.js";
import { fileOfDiskSnapshot, imageOf, imageOfDisk } from "../../plan/disk-images.js";
import type { DiskRelocation, ParsedSnapshot, SnapshotDocuments } from "../../ports/index.js";
import type { AssignedDisk } from "../shared/choose-backend.js";

/** By target: the image under the name that it gets, because the overlay takes its path. */
export type FrozenNames = ReadonlyMap<string, ImageRef>;

/**
 * Which images make room for their overlays: those of backends that keep paths, unless the document
 * names the overlay or it is there already. The generated file name is then the frozen image's.
 */
export function frozenNames(
  assigned: readonly AssignedDisk[],
  parsed: ParsedSnapshot,
  { reuseExternal }: CreateFlags,
): FrozenNames {
  const frozen = new Map<string, ImageRef>();
  for (const { disk, domainDisk, backend } of assigned) {
    const image = imageOfDisk(domainDisk);
    const file = fileOfDiskSnapshot(disk);
    const isNamed = parsed.disks.some(
      ({ name, source }) =>
        source?.path !== undefined && (name === disk.name || name === image?.path),
    );
    if (backend.keepsPaths !== true || reuseExternal === true || isNamed || !image || !file)
      continue;
    frozen.set(disk.name, { path: file.path, type: file.type, format: image.format });
  }
  return frozen;
}

/**
 * The record as it is true afterwards: its definitions name the frozen images, and its disks the
 * overlays, which have the paths of before.
 */
export function withFrozenNames(
  documents: SnapshotDocuments,
  snapshot: DomainSnapshot,
  frozen: FrozenNames,
): DomainSnapshot {
  if (frozen.size === 0) return snapshot;
  const relocations = [...frozen].map(([target, { path, type, format }]): DiskRelocation => ({
    target,
    type,
    source: { path },
    format,
  }));
  const { domain, inactiveDomain } = snapshot;
  return {
    ...snapshot,
    disks: snapshot.disks.map((disk) => {
      const path = frozen.has(disk.name) ? imageOf(domain, disk.name)?.path : undefined;
      return path === undefined ? disk : { ...disk, source: { path } };
    }),
    ...(domain && { domain: documents.relocateDisks(domain, relocations) }),
    ...(inactiveDomain && { inactiveDomain: documents.relocateDisks(inactiveDomain, relocations) }),
  };
}
