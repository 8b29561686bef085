import type { DomainDefinition, DomainSnapshot, ImageRef } from "../model/index.js";
import { fileOfDiskSnapshot, imagesOf } from "./disk-images.js";

/** Paths of all images that any of the definitions opens. */
export function pathsOfDefinitions(
  definitions: readonly (DomainDefinition | undefined)[],
): Set<string> {
  return new Set(definitions.flatMap(imagesOf).map(({ path }) => path));
}

/** The definitions that a record keeps: going back to it opens what they name. */
export function definitionsOf({ domain, inactiveDomain }: DomainSnapshot): DomainDefinition[] {
  return [domain, inactiveDomain].filter((definition) => definition !== undefined);
}

/** Paths of the overlays and copies that a record lists as its own. */
export function filesOfRecord({ disks, revertDisks = [] }: DomainSnapshot): string[] {
  return [...disks, ...revertDisks].flatMap((disk) => fileOfDiskSnapshot(disk)?.path ?? []);
}

/** Every local image that records and definitions name, by path, with the format to open it with. */
export function knownImages(
  records: readonly DomainSnapshot[],
  definitions: readonly (DomainDefinition | undefined)[],
): Map<string, ImageRef> {
  const files = records.flatMap(({ disks, revertDisks = [] }) =>
    [...disks, ...revertDisks].flatMap((disk) => fileOfDiskSnapshot(disk) ?? []),
  );
  const opened = [...records.flatMap(definitionsOf), ...definitions].flatMap(imagesOf);
  return new Map([...files, ...opened].map((image) => [image.path, image]));
}
