import type { DiskSnapshot, DomainDisk, ImageRef } from "../../core/model/index.js";

/**
 * The wish to keep the state of a disk: internally, or by letting the domain go on in `file`
 * (overlay) or freezing it there (copy).
 */
export function diskSnapshotOfDisk(
  disk: Pick<DomainDisk, "target">,
  file?: ImageRef,
): DiskSnapshot {
  if (!file) return { name: disk.target, type: "file", mode: "internal" };
  const { path, type, format } = file;
  return { name: disk.target, type, format, mode: "external", source: { path } };
}

/**
 * The disk with the file that belongs to its snapshot, for a domain to attach: the overlay that
 * the domain went on in, or the frozen copy. An internal snapshot has no file of its own, so the
 * disk stays as it is.
 */
export function diskOfDiskSnapshot(snapshot: DiskSnapshot, disk: DomainDisk): DomainDisk {
  if (snapshot.mode !== "external" || !snapshot.source) return disk;
  const { type, source, format } = snapshot;
  const { format: _before, ...rest } = disk;
  return { ...rest, type, source, ...(format && { format }) };
}
