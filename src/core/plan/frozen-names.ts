import {
  imageOfDisk,
  type CreateFlags,
  type DomainSnapshot,
  type ImageRef,
} from "../model/index.js";
import type { ParsedSnapshot } from "../ports/index.js";
import { fileOfDiskSnapshot, imageOf } from "./disk-images.js";
import { relocationTo, type RecordEdit } from "./document-edits.js";
import type { KeptDisk } from "./kept-disk.js";

/** By target: the image under the name that it gets, because the overlay takes its path. */
export type FrozenNames = ReadonlyMap<string, ImageRef>;

/**
 * Which images make room for their overlays: those of backends that keep paths, unless the document
 * names the overlay or it is there already. The generated file name is then the frozen image's.
 */
export function frozenNames(
  kept: readonly KeptDisk[],
  parsed: Pick<ParsedSnapshot, "disks">,
  { reuseExternal }: CreateFlags,
): FrozenNames {
  const frozen = new Map<string, ImageRef>();
  for (const { disk, domainDisk, backend } of kept) {
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
export function withFrozenNames(snapshot: DomainSnapshot, frozen: FrozenNames): RecordEdit {
  const relocations = [...frozen].map(([target, image]) => relocationTo(target, image));
  const disks = snapshot.disks.map((disk) => {
    const path = frozen.has(disk.name) ? imageOf(snapshot.domain, disk.name)?.path : undefined;
    return path === undefined ? disk : { ...disk, source: { path } };
  });
  return { snapshot: { ...snapshot, disks }, domain: relocations, inactiveDomain: relocations };
}
