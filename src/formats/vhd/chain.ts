import { damaged } from "./damage.js";
import { DomsnapError } from "../../core/errors/index.js";
import { noImageFile } from "../../host/system-error.js";
import type { FileIdentity, ImageFiles } from "./image-files.js";
import { FlatLayer } from "./layer.js";
import { unixSeconds, vhdTime } from "./layout.js";
import { openVhd, type Vhd } from "./open-vhd.js";
import { parentOf, type ParentLink } from "./parent-link.js";

/** A raw image: the bottom of a chain. */
export interface RawImage {
  readonly kind: "raw";
  readonly layer: FlatLayer;
}
export type ChainImage = Vhd | RawImage;

/** How an image is opened: told by the definition or by the file above, never guessed. */
export type ChainFormat = "vhd" | "raw";

/** A chain longer than this is a mistake or an attack; reading one file needs all of them open. */
const LONGEST_CHAIN = 256;
/** File systems that keep times coarsely round them. */
const TIME_SLACK_SECONDS = 1;

/** Opens one image of a chain without looking at its parent. Throws as `openVhd`. */
export async function openChainImage(
  files: ImageFiles,
  path: string,
  format: ChainFormat,
  access: "read" | "write" = "read",
): Promise<ChainImage> {
  await assertImageFile(files, path);
  if (format === "vhd") return openVhd(files, path, access);
  const file = await files.open(path, access);
  return { kind: "raw", layer: new FlatLayer(file, await file.sizeBytes()) };
}

/** An image with everything below it, top first. */
export class VhdChain {
  constructor(readonly images: readonly ChainImage[]) {}

  get top(): ChainImage {
    const [top] = this.images;
    if (!top) throw new DomsnapError("internal-error", "a chain has no image");
    return top;
  }

  get sizeBytes(): number {
    return this.top.layer.sizeBytes;
  }

  async close(): Promise<void> {
    await Promise.all(this.images.map(({ layer }) => layer.close()));
  }
}

/** How a chain is looked at. */
export interface ChainView {
  /** A merge was begun in it, which writes to the parent: a raw one may have another time. */
  readonly amidMerge?: boolean;
}

/**
 * Opens an image and all images below it, and holds them to everything that is known of a whole
 * chain: what `openVhd` checks of each, no change of an identity that was not finished, no loop, not
 * too many, and each parent is who it was when its child was made (by UUID, a raw one by the time of
 * its last change). The caller closes the chain. Throws `image-missing`, `disk-unsupported`,
 * `system-error`.
 */
export async function openChain(
  files: ImageFiles,
  path: string,
  format: ChainFormat,
  view: ChainView = {},
): Promise<VhdChain> {
  const images: ChainImage[] = [];
  try {
    const seen = new Set<string>();
    let next: { path: string; format: ChainFormat; link?: ParentLink } | undefined;
    for (next = { path, format }; next;) {
      const identity = await assertImageFile(files, next.path);
      if (seen.has(identity.id)) throw damaged(next.path, "it is its own ancestor");
      if (seen.size >= LONGEST_CHAIN)
        throw damaged(path, `more than ${LONGEST_CHAIN} images stand on one another`);
      seen.add(identity.id);
      const image = await openChainImage(files, next.path, next.format);
      images.push(image);
      assertSettled(image);
      const child = images.at(-2);
      if (next.link && child) assertSameParent(child, image, next.link, { identity, ...view });
      const link = await parentOf(files, image);
      next = link && { path: link.path, link, format: link.uuid === undefined ? "raw" : "vhd" };
    }
    return new VhdChain(images);
  } catch (error) {
    await new VhdChain(images).close();
    throw error;
  }
}

/**
 * Throws `disk-unsupported` for an image whose footers give it two identities: a merge, or a program
 * that marked the file, was interrupted in it.
 */
export function assertSettled(image: ChainImage): void {
  if (image.kind !== "sparse" || image.footerMissing || !image.copy) return;
  if (image.copy.uuid === image.footer.uuid) return;
  throw damaged(
    image.layer.path,
    "its two footers have different UUIDs, as when a merge was interrupted",
    "Run 'domsnap recover'; if there is nothing to recover, restore the file from a backup.",
  );
}

/** The UUID of a VHD; `undefined` of a raw image. */
export function uuidOf(image: ChainImage): string | undefined {
  return image.kind === "raw" ? undefined : image.footer.uuid;
}

async function assertImageFile(files: ImageFiles, path: string) {
  const identity = await files.identify(path);
  if (!identity)
    throw new DomsnapError(
      "image-missing",
      `cannot access image '${path}': No such file or directory`,
    );
  if (identity.kind === "other") throw noImageFile(path);
  return identity;
}

function assertSameParent(
  child: ChainImage,
  parent: ChainImage,
  link: ParentLink,
  { identity, amidMerge = false }: ChainView & { readonly identity: FileIdentity },
): void {
  if (link.uuid === undefined && !amidMerge) assertUnchanged(child, link, identity);
  if (link.uuid !== undefined && uuidOf(parent) !== link.uuid)
    throw damaged(
      child.layer.path,
      `its parent '${parent.layer.path}' is another image than it was made of`,
      "Bring the right file back: somebody replaced or restored one of the two.",
    );
}

/** A raw parent has no UUID. What was written to it shows through its child wherever that is empty. */
function assertUnchanged(
  { layer: { path } }: ChainImage,
  link: ParentLink,
  { kind, changedMs }: FileIdentity,
): void {
  if (kind !== "file" || link.changedAt === 0) return;
  if (Math.abs(vhdTime(changedMs) - link.changedAt) <= TIME_SLACK_SECONDS) return;
  const then = timeOf(unixSeconds(link.changedAt) * 1000);
  throw damaged(
    path,
    `its raw parent '${link.path}' was written to since, or is another file: it was of ${then}, it is of ${timeOf(changedMs)}`,
    `Bring the right file back. If its content is the same and only its time was lost, run 'touch -d ${then} ${link.path}'.`,
  );
}

/** To the second, which is what a VHD keeps. */
function timeOf(unixMs: number): string {
  return new Date(unixMs).toISOString().replace(/\.\d+/, "");
}
