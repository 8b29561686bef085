import { DomsnapError } from "../../core/errors/index.js";
import type { DomainDefinition, ImageRef } from "../../core/model/index.js";
import { definitionsOf, knownImages } from "../../core/plan/image-references.js";
import type { ExportTree } from "../../core/ports/index.js";
import { imageBelow } from "../lib/definition-below.js";

/** An image of the bundle with the one that it stands on. */
export interface ChainedImage {
  readonly image: ImageRef;
  readonly below?: ImageRef;
}

/**
 * Every image that the domain and its snapshots need, those that others stand on included. Throws
 * `disk-unsupported` for an image that cannot be moved: a VHD tells the place of its parent.
 */
export async function collectImages({ domain, snapshots }: ExportTree): Promise<ChainedImage[]> {
  const definitions = [domain.definition, domain.inactiveDefinition];
  const removable = removablePaths([...snapshots.flatMap(definitionsOf), ...definitions]);
  const waiting = [...knownImages(snapshots, definitions).values()];
  const collected = new Map<string, ChainedImage>();
  for (const image of waiting) {
    if (collected.has(image.path) || removable.has(image.path)) continue;
    if (image.format === "vhd")
      throw new DomsnapError(
        "disk-unsupported",
        `image '${image.path}' is a VHD, which no bundle can hold`,
        {
          hint: "export without --images and copy the images by hand",
        },
      );
    const found = image.format === "raw" ? undefined : await imageBelow(image.path);
    const below = found && ({ ...found, type: "file" } as const);
    collected.set(image.path, { image, ...(below && { below }) });
    if (below) waiting.push(below);
  }
  return [...collected.values()];
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
