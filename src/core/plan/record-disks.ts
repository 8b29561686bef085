import type { DiskSnapshot, DomainSnapshot } from "../model/index.js";

/** The record without the overlays of a revert that its children did not stand on. */
export function withoutRevertDisks({
  revertDisks: _dropped,
  ...snapshot
}: DomainSnapshot): DomainSnapshot {
  return snapshot;
}

/** The disks with some replaced by others of the same name. */
export function replaceDisks(
  disks: readonly DiskSnapshot[],
  replacements: readonly DiskSnapshot[],
): DiskSnapshot[] {
  const byName = new Map(replacements.map((disk) => [disk.name, disk]));
  return disks.map((disk) => byName.get(disk.name) ?? disk);
}

/** The record without what its document has no place for: two that differ in it only are one. */
export function asDocumentTells({
  consistency: _beside,
  taken: _taken,
  imageTag: _tag,
  leftBehind: _left,
  unknownNotes: _notes,
  unknownElements: _elements,
  ...snapshot
}: DomainSnapshot): DomainSnapshot {
  const { disks, revertDisks } = snapshot;
  return {
    ...snapshot,
    disks: disks.map(withoutBackend),
    ...(revertDisks && { revertDisks: revertDisks.map(withoutBackend) }),
  };
}

function withoutBackend({
  backend: _keeper,
  reused: _reused,
  unknownElements: _elements,
  ...disk
}: DiskSnapshot): DiskSnapshot {
  return disk;
}
