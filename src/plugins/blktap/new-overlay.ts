import { DomsnapError } from "../../core/errors/index.js";
import { temporaryName, type ImageRef } from "../../core/model/index.js";
import type { Evidence } from "../../core/ports/index.js";
import {
  createEmptyVhd,
  damaged,
  MAX_CHAIN_DEPTH,
  MAX_DISK_BYTES,
  openChain,
  openVhd,
  peekParent,
  repairVhd,
  SECTOR_BYTES,
  uuidOf,
  type ChainFormat,
  type ChainView,
  type FileIdentity,
  type ImageFiles,
} from "../../formats/vhd/index.js";

/** An empty overlay that is to stand at `path`. */
export interface NewOverlay {
  readonly path: string;
  /** What it stands on, where that is now. */
  readonly base: ImageRef;
  /** The name that the base will have; missing when it keeps its own. */
  readonly baseName?: string;
  /** Owner and mode. */
  readonly like: FileIdentity;
  /** The file whose place it takes, if any: it is used like that one. */
  readonly replaces?: string | undefined;
  readonly view?: ChainView;
}

/** Longer names are cut by tapdisk without a word; `vhd:` goes before them. */
const LONGEST_TAPDISK_PATH_BYTES = 250;

/** The name that an overlay of a plan has until it takes its place. */
export function temporaryPath(path: string, { token }: Evidence): string {
  return temporaryName(path, "tmp", token);
}

/** Removes an overlay of this plan that has not taken its place. */
export async function dropTemporary(
  files: ImageFiles,
  path: string,
  evidence: Evidence,
): Promise<void> {
  const temporary = temporaryPath(path, evidence);
  const file = await files.identify(temporary);
  // One that the evidence does not know was made right before a crash, and holds nothing yet.
  if (file && (evidence.made(path).includes(file.id) || file.sizeBytes === 0))
    await files.unlink(temporary);
}

/** Whether what has a name was made for it by this plan. */
export async function isMadeFor(
  files: ImageFiles,
  path: string,
  evidence: Evidence,
): Promise<boolean> {
  const file = await files.identify(path);
  return file !== undefined && evidence.made(path).includes(file.id);
}

/** How an image of a definition is opened. Throws `disk-unsupported` for other formats. */
export function chainFormat({ path, format }: Pick<ImageRef, "path" | "format">): ChainFormat {
  if (format === "vhd" || format === "raw") return format;
  throw damaged(path, `tapdisk has no driver for the format ${format}`);
}

/**
 * Checks that an overlay can be put above an image: its chain is whole and not too long, and its
 * size is one that tapdisk can serve. Returns the depth of the chain. Throws `disk-unsupported`.
 */
export async function assertExtensible(
  files: ImageFiles,
  image: ImageRef,
  view?: ChainView,
): Promise<void> {
  const chain = await openChain(files, image.path, chainFormat(image), view);
  try {
    if (chain.images.length >= MAX_CHAIN_DEPTH)
      throw damaged(
        image.path,
        `it stands on ${chain.images.length - 1} others, and ${MAX_CHAIN_DEPTH} in a row are the limit`,
        "Delete a snapshot first: that merges two of them.",
      );
    if (chain.sizeBytes % SECTOR_BYTES !== 0)
      throw damaged(image.path, `its size is no multiple of ${SECTOR_BYTES} bytes`);
    if (chain.sizeBytes > MAX_DISK_BYTES)
      throw damaged(image.path, "VHD ends at 2040 GiB, and the disk is larger");
  } finally {
    await chain.close();
  }
}

/** Throws `disk-unsupported` for a path that tapdisk would cut. */
export function assertTapdiskPath(path: string): void {
  if (Buffer.byteLength(path) > LONGEST_TAPDISK_PATH_BYTES)
    throw damaged(path, `tapdisk takes paths of ${LONGEST_TAPDISK_PATH_BYTES} bytes at most`);
}

/**
 * Writes the overlay under its temporary name and reads it back. Remains of an earlier attempt are
 * replaced. The base must not be open in a tapdisk; a footer that it lacks is repaired.
 */
export async function writeOverlay(
  files: ImageFiles,
  overlay: NewOverlay,
  evidence: Evidence,
): Promise<void> {
  const { path, base, like } = overlay;
  const temporary = temporaryPath(path, evidence);
  await dropTemporary(files, path, evidence);
  if (base.format === "vhd") await repairVhd(files, base.path);
  const chain = await openChain(files, base.path, chainFormat(base), overlay.view);
  const baseFile = await files.identify(base.path);
  const uuid = uuidOf(chain.top);
  const { sizeBytes } = chain;
  await chain.close();
  const parent = {
    path: await realName(files, overlay.baseName ?? base.path),
    changedMs: baseFile?.changedMs ?? 0,
    ...(uuid === undefined ? {} : { uuid }),
  };
  const finalPath = await realName(files, path);
  await createEmptyVhd(files, temporary, { sizeBytes, finalPath, parent }, like, (identity) =>
    evidence.record(path, identity),
  );
  if (overlay.replaces !== undefined) await files.keepAttributes(overlay.replaces, temporary);
  await assertWritten(files, temporary, sizeBytes);
}

/** Whether the file is a VHD whose parent is the other one, by path. False if it is not there. */
export async function standsOn(files: ImageFiles, path: string, base: string): Promise<boolean> {
  if (!(await files.identify(path))) return false;
  const parent = await peekParent(files, path);
  return (
    parent !== undefined && (await files.realPath(parent.path)) === (await files.realPath(base))
  );
}

/** Whether nothing was written to an overlay yet. */
export async function isEmptyOverlay(files: ImageFiles, path: string): Promise<boolean> {
  const image = await openVhd(files, path);
  await image.layer.close();
  return image.kind === "sparse" && image.layer.layout.table.countStored() === 0;
}

/** The real path that a name has or will have: its folder is there, the file may not be. */
async function realName(files: ImageFiles, path: string): Promise<string> {
  const slash = path.lastIndexOf("/");
  return `${await files.realPath(path.slice(0, slash) || "/")}/${path.slice(slash + 1)}`.replace(
    /^\/\//,
    "/",
  );
}

async function assertWritten(files: ImageFiles, path: string, sizeBytes: number): Promise<void> {
  const image = await openVhd(files, path);
  await image.layer.close();
  if (image.layer.sizeBytes !== sizeBytes || !(await peekParent(files, path)))
    throw new DomsnapError("operation-failed", `overlay '${path}' does not read back as written`);
}
