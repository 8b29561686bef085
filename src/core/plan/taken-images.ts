import { DomsnapError } from "../errors/index.js";
import {
  imageOfDisk,
  type CreateFlags,
  type DiskSnapshot,
  type Domain,
  type ImageRef,
} from "../model/index.js";
import { fileOfDiskSnapshot } from "./disk-images.js";
import { infoOf, standsAt, type ImageFacts, type Places } from "./image-facts.js";
import type { KeptDisk } from "./kept-disk.js";
import { isOf, releaseOf, tellNeed } from "./needs.js";

interface TakenFacts {
  readonly domain: Domain;
  readonly flags: CreateFlags;
  readonly places: Places;
  readonly images: Omit<ImageFacts, "trust">;
}

/**
 * Throws unless a disk can be kept without a word of anybody else: `image-in-use` for an image that
 * would freeze while another domain writes to it, and for a file to be reused that somebody needs;
 * `image-conflict` for a file to be reused that is neither empty nor an overlay of this very disk.
 */
export function assertMayTake({ disk, domainDisk, backend }: KeptDisk, facts: TakenFacts): void {
  const image = imageOfDisk(domainDisk);
  const file = fileOfDiskSnapshot(disk);
  if (!image || !file) return;
  if (backend.externalKind === "overlay") assertFreezable(disk, image, facts);
  if (facts.flags.reuseExternal === true)
    assertReusable(disk, { image, file, kind: backend.externalKind }, facts);
}

function assertFreezable(
  disk: DiskSnapshot,
  image: ImageRef,
  { domain, images }: TakenFacts,
): void {
  const need = images.needs
    .knownNeedsOf(image.path)
    .find((one) => one.use === "present" && !one.readonly && !isOf(one, domain));
  if (!need) return;
  throw new DomsnapError(
    "image-in-use",
    `disk '${disk.name}': image '${image.path}' cannot be frozen: ${tellNeed(need)}`,
    { hint: releaseOf(need, domain) },
  );
}

interface Reuse {
  readonly image: ImageRef;
  readonly file: ImageRef;
  readonly kind: "overlay" | "copy";
}

function assertReusable(disk: DiskSnapshot, { image, file, kind }: Reuse, facts: TakenFacts): void {
  const { domain, images, places } = facts;
  const { needs } = images;
  const fact = standsAt(places, file.path);
  if (fact.kind === "absent") return;
  const cannot = `file '${file.path}' cannot be reused for disk '${disk.name}'`;
  if (needs.isSame(file.path, image.path))
    throw new DomsnapError("image-in-use", `${cannot}: it is the image of the disk itself`, {
      hint: "Name another file.",
    });
  const [need] = needs.needsOf(file.path);
  if (need)
    throw new DomsnapError("image-in-use", `${cannot}: ${tellNeed(need)}`, {
      hint: `Name another file, or free this one: ${releaseOf(need, domain)}`,
    });
  const [above] = needs.standingOn(file.path);
  if (above !== undefined)
    throw new DomsnapError("image-in-use", `${cannot}: '${above}' stands on it`, {
      hint: "Name another file.",
    });
  const isEmpty = fact.kind === "regular" && fact.sizeBytes === 0;
  if (isEmpty || fact.kind === "block") return;
  const { backing, allocatedBytes } = infoOf(images, file);
  if (kind === "copy" ? allocatedBytes === 0 : backing && needs.isSame(backing.path, image.path))
    return;
  throw new DomsnapError(
    "image-conflict",
    kind === "copy"
      ? `${cannot}: it has a content already`
      : `${cannot}: it does not stand on '${image.path}'`,
    {
      hint:
        kind === "copy"
          ? "Name an empty file, or one that is not there yet."
          : `Make it with 'qemu-img create -f ${file.format} -b ${image.path} -F ${image.format} ${file.path}'.`,
    },
  );
}
