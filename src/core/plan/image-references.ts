import type {
  DiskSnapshot,
  DomainDefinition,
  DomainSnapshot,
  ImageRef,
  SnapshotHead,
} from "../model/index.js";
import type { Locator } from "./answer.js";
import { fileOfDiskSnapshot, imagesOf } from "./disk-images.js";

/** The definitions that a record keeps: going back to it opens what they name. */
export function definitionsOf({ domain, inactiveDomain }: DomainSnapshot): DomainDefinition[] {
  return [domain, inactiveDomain].filter((definition) => definition !== undefined);
}

/**
 * The overlays and copies that a record lists as made for it, but not those that were there before:
 * these are the user's.
 */
export function madeFor(record: DomainSnapshot): ImageRef[] {
  return filesOf(listedDisks(record).filter(({ reused }) => reused !== true));
}

/** Every overlay and copy that a record lists, whoever made it. */
export function listedFiles(record: DomainSnapshot): ImageRef[] {
  return filesOf(listedDisks(record));
}

/** All disks of a record that may name files of its own. */
export function listedDisks({
  disks,
  revertDisks = [],
  leftBehind = [],
}: Pick<SnapshotHead, "disks" | "revertDisks" | "leftBehind">): DiskSnapshot[] {
  return [...disks, ...revertDisks, ...leftBehind];
}

/** Every local image that records and definitions name, by locator, with the format to open it with. */
export function knownImages(
  records: readonly DomainSnapshot[],
  definitions: readonly (DomainDefinition | undefined)[],
): Map<Locator, ImageRef> {
  const files = records.flatMap(listedFiles);
  const opened = [...records.flatMap(definitionsOf), ...definitions].flatMap(imagesOf);
  return new Map([...files, ...opened].map((image) => [image.path, image]));
}

/** What is in the drives is the user's, not the guest's. */
export function removablePaths(
  definitions: readonly (DomainDefinition | undefined)[],
): ReadonlySet<string> {
  return new Set(
    definitions
      .flatMap((definition) => definition?.disks ?? [])
      .filter(({ device }) => device === "cdrom" || device === "floppy")
      .flatMap(({ source }) => source?.path ?? []),
  );
}

function filesOf(disks: readonly DiskSnapshot[]): ImageRef[] {
  return disks.flatMap((disk) => fileOfDiskSnapshot(disk) ?? []);
}
