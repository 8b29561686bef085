import { DomsnapError } from "../../core/errors/index.js";
import type { ImageRef } from "../../core/model/index.js";
import { definitionsOf, knownImages, removablePaths } from "../../core/plan/image-references.js";
import type { ExportTree } from "../../core/ports/index.js";
import { readOwnHeader } from "../../qemu-images/backing-chain.js";
import { imageBelow } from "../../qemu-images/definition-below.js";

/** An image of the bundle with the one that it stands on. */
export interface ChainedImage {
  readonly image: ImageRef;
  readonly below?: ImageRef;
}

/**
 * Every image that the domain and its snapshots need, those that others stand on included. Throws
 * `disk-unsupported` for an image that cannot be moved: a VHD, which tells the place of its parent,
 * and what stands on something that is no local image of a told format; `system-error` for one that
 * cannot be read.
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
          hint: "Export without --images and copy the images by hand.",
        },
      );
    const below = await belowOf(image);
    collected.set(image.path, { image, ...(below && { below }) });
    if (below) waiting.push(below);
  }
  return [...collected.values()];
}

/** Throws rather than leave out an image that is needed. */
async function belowOf(image: ImageRef): Promise<ImageRef | undefined> {
  const { path } = image;
  const backing = (await readOwnHeader(image))?.backing;
  if (!backing) return undefined;
  const below = await imageBelow(path);
  if (below) return { ...below, type: "file" };
  const format = backing.format ?? "without telling its format";
  throw new DomsnapError(
    "disk-unsupported",
    `image '${path}' stands on '${backing.name}' (${format}), which no bundle can hold`,
    {
      hint: "Write the format down with 'qemu-img rebase -u -F FORMAT'; export other images by hand.",
    },
  );
}
