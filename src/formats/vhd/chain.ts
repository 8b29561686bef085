import { damaged } from "./damage.js";
import { DomsnapError } from "../../core/errors/index.js";
import type { ImageFile, ImageFiles } from "./image-files.js";
import { FlatLayer } from "./layer.js";
import { HEADER_BYTES, NO_UUID } from "./layout.js";
import { openVhd, readFooters, type Vhd } from "./open-vhd.js";
import { decodeLocator, MAX_LOCATOR_BYTES } from "./parent-locator.js";
import { parseSparseHeader, type SparseHeader } from "./sparse-header.js";

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

/** A differencing image's parent, as its header tells it. */
export interface ParentLink {
  /** Absolute path. */
  readonly path: string;
  /** `undefined`: the parent is raw and has none. */
  readonly uuid: string | undefined;
}

/** Who the parent is; `undefined` for images that have none. Throws `disk-unsupported`. */
export async function parentOf(
  files: ImageFiles,
  image: ChainImage,
): Promise<ParentLink | undefined> {
  if (image.kind !== "sparse" || image.footer.type !== "differencing") return undefined;
  return linkOf(files, image.layer.file, image.layer.layout.header);
}

/** The same from the headers alone, for looking through a folder; never reads the tables. */
export async function peekParent(files: ImageFiles, path: string): Promise<ParentLink | undefined> {
  const file = await files.open(path, "read");
  try {
    const { copy, trailing } = await readFooters(file);
    const footer = copy?.type === "differencing" ? copy : trailing;
    if (footer?.type !== "differencing" || trailing?.type === "fixed") return undefined;
    const bytes = Buffer.alloc(HEADER_BYTES);
    await file.read(bytes, footer.headerAt ?? 0);
    const header = parseSparseHeader(bytes);
    return header && (await linkOf(files, file, header));
  } finally {
    await file.close();
  }
}

async function linkOf(
  files: ImageFiles,
  file: ImageFile,
  { locators, parentUuid }: SparseHeader,
): Promise<ParentLink> {
  const childPath = await files.realPath(file.path);
  for (const locator of locators) {
    if (locator.lengthBytes > MAX_LOCATOR_BYTES) continue;
    const bytes = Buffer.alloc(locator.lengthBytes);
    await file.read(bytes, locator.offset);
    const path = decodeLocator(locator, bytes, childPath);
    if (path !== undefined) return { path, uuid: parentUuid === NO_UUID ? undefined : parentUuid };
  }
  throw damaged(file.path, "it does not say where its parent is");
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

/**
 * Opens an image and all images below it. Refuses loops, chains that are too long, missing
 * parents, and a parent that is another file than the child was made of (by UUID). The caller
 * closes the chain. Throws `image-missing`, `disk-unsupported`, `system-error`.
 */
export async function openChain(
  files: ImageFiles,
  path: string,
  format: ChainFormat,
): Promise<VhdChain> {
  const images: ChainImage[] = [];
  try {
    const seen = new Set<string>();
    let next: { path: string; format: ChainFormat; uuid?: string | undefined } | undefined;
    for (next = { path, format }; next;) {
      const { id } = await assertImageFile(files, next.path);
      if (seen.has(id)) throw damaged(next.path, "it is its own ancestor");
      if (seen.size >= LONGEST_CHAIN)
        throw damaged(path, `more than ${LONGEST_CHAIN} images stand on one another`);
      seen.add(id);
      const image = await openChainImage(files, next.path, next.format);
      images.push(image);
      if (next.uuid !== undefined) assertUuid(image, next.uuid, images.at(-2)?.layer.path ?? path);
      const parent = await parentOf(files, image);
      next = parent && { ...parent, format: parent.uuid === undefined ? "raw" : "vhd" };
    }
    return new VhdChain(images);
  } catch (error) {
    await new VhdChain(images).close();
    throw error;
  }
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
  if (identity.kind === "other")
    throw new DomsnapError("image-missing", `'${path}' is neither a file nor a block device`);
  return identity;
}

function assertUuid(parent: ChainImage, expected: string, childPath: string): void {
  if (uuidOf(parent) === expected) return;
  throw damaged(
    childPath,
    `its parent '${parent.layer.path}' is another image than it was made of`,
    "Bring the right file back: somebody replaced or restored one of the two.",
  );
}
