import {
  imageOfDisk,
  type DiskSnapshot,
  type DomainDefinition,
  type DomainDisk,
  type ImageRef,
} from "../model/index.js";

export function findDisk(
  definition: DomainDefinition | undefined,
  target: string,
): DomainDisk | undefined {
  return definition?.disks.find((disk) => disk.target === target);
}

export { imageOfDisk };

/** The image of a definition's disk by target name. */
export function imageOf(
  definition: DomainDefinition | undefined,
  target: string,
): ImageRef | undefined {
  return imageOfDisk(findDisk(definition, target));
}

/** The file that belongs to an external disk snapshot: an overlay or a frozen copy. */
export function fileOfDiskSnapshot(disk: DiskSnapshot): ImageRef | undefined {
  const path = disk.source?.path;
  if (disk.mode !== "external" || path === undefined || disk.format === undefined) return undefined;
  if (disk.type !== "file" && disk.type !== "block") return undefined;
  return { path, type: disk.type, format: disk.format };
}

/** Disk snapshots whose files have other paths now; the same array where none has. */
export function renameFiles(
  disks: readonly DiskSnapshot[],
  paths: ReadonlyMap<string, string>,
): readonly DiskSnapshot[] {
  const pathOf = (disk: DiskSnapshot) =>
    disk.mode === "external" ? paths.get(disk.source?.path ?? "") : undefined;
  if (!disks.some((disk) => pathOf(disk) !== undefined)) return disks;
  return disks.map((disk) => {
    const path = pathOf(disk);
    return path === undefined ? disk : { ...disk, source: { path } };
  });
}

/** All local images that a definition names. */
export function imagesOf(definition: DomainDefinition | undefined): ImageRef[] {
  return (definition?.disks ?? []).flatMap((disk) => imageOfDisk(disk) ?? []);
}

/** Whether a disk's state is part of the snapshot. */
export function isTaken(
  disk: DiskSnapshot,
): disk is DiskSnapshot & { readonly mode: "internal" | "external" } {
  return disk.mode === "internal" || disk.mode === "external";
}

/** Groups items by a key, keeping the order of first appearance. */
export function groupBy<Item, Key>(
  items: readonly Item[],
  key: (item: Item) => Key,
): Map<Key, Item[]> {
  const groups = new Map<Key, Item[]>();
  for (const item of items) {
    const group = groups.get(key(item));
    if (group) group.push(item);
    else groups.set(key(item), [item]);
  }
  return groups;
}
