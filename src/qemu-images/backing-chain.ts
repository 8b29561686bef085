import { readdir, realpath, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";

import { DomsnapError } from "../core/errors/index.js";
import { IMAGE_FORMATS, type ImageRef } from "../core/model/index.js";
import type { ImageInfo } from "../core/ports/index.js";
import { plainBackingPath } from "../formats/qcow2/backing-name.js";
import { readImageHeader, type ImageHeader } from "../formats/qcow2/header.js";
import { errnoOf, inaccessibleImage, noImageFile } from "../host/system-error.js";
import { assertStandsAlone } from "../formats/vhd/index.js";

/** QEMU opens every image of a chain; longer ones are a mistake or an attack. */
export const MAX_CHAIN_IMAGES = 256;
const SCAN_CONCURRENCY = 32;

/**
 * Walks down from an image and refuses whatever would make QEMU's tools open something else than
 * local images of a told format: backing names with a protocol, backing images without a format
 * (QEMU would guess it from content that a guest wrote), data files, loops, VHDs that stand on others,
 * images that QEMU encrypts, and those that it has marked corrupt.
 * Throws `image-missing`, `disk-unsupported`.
 */
export async function assertSafeChain(image: Pick<ImageRef, "path" | "format">): Promise<void> {
  const seen = new Set<string>();
  let path: string | undefined = image.path;
  let format: string = image.format;
  while (path !== undefined) {
    const real: string = await realImagePath(path);
    if (seen.has(real)) throw unsafe(path, "its backing files form a loop");
    if (seen.size >= MAX_CHAIN_IMAGES)
      throw unsafe(path, `more than ${MAX_CHAIN_IMAGES} images back on one another`);
    seen.add(real);
    if (format === "vpc" || format === "vhd") await assertStandsAlone(path);
    // A raw image that a guest has encrypted by itself begins in the same way, and is none.
    if (format === "luks") throw encrypted(path, "LUKS");
    const header = await readOwnHeader({ path, format });
    if (!header) return;
    if (header.corrupt) throw markedCorrupt(path);
    if (header.encryption !== undefined) throw encrypted(path, header.encryption);
    if (!header.backing) return;
    const backing = plainBackingPath(header.backing.name, path);
    if (backing === undefined)
      throw unsafe(path, `its backing file '${header.backing.name}' is not a local path`);
    format = await backingFormat(header, path, backing);
    path = backing;
  }
}

/**
 * The header of a qcow2 or qed image; undefined for other formats, whose content means nothing.
 * Throws `disk-unsupported` for an image of another format than told, and for one that names
 * another file to hold its data.
 */
export async function readOwnHeader(image: {
  readonly path: string;
  readonly format: string;
}): Promise<ImageHeader | undefined> {
  const { path, format } = image;
  if (format !== "qcow2" && format !== "qed") return undefined;
  const header = await readImageHeader(path);
  if (header?.format !== format) throw unsafe(path, `it is not a ${format} image`);
  if (header.externalData) throw unsafe(path, "it keeps its data in another file");
  return header;
}

/**
 * The local image that a qcow2 or qed image names as its backing file, from the header alone and
 * whatever else is wrong with it; undefined where there is none. Throws `disk-unsupported` for what
 * has no such header.
 */
export async function readBacking(path: string): Promise<ImageInfo["backing"]> {
  const header = await readImageHeader(path);
  if (!header) throw unsafe(path, "it is neither a qcow2 nor a qed image");
  const below = header.backing && localFileOf(header.backing.name, path);
  if (below === undefined) return undefined;
  const format = IMAGE_FORMATS.find((known) => known === header.backing?.format);
  return {
    path: below,
    format: format ?? (await readImageHeader(below).catch(() => undefined))?.format ?? "raw",
  };
}

/**
 * The absolute path of an image that is there, links resolved. Throws `image-missing`, also for what
 * is neither a file nor a device (QEMU would wait for a FIFO), and `system-error` where the host does
 * not tell.
 */
export async function realImagePath(path: string): Promise<string> {
  try {
    const real = await realpath(path);
    const stats = await stat(real);
    if (!stats.isFile() && !stats.isBlockDevice()) throw noImageFile(path);
    return real;
  } catch (error) {
    throw error instanceof DomsnapError ? error : inaccessibleImage(error, path);
  }
}

/** Whether the header at `overlay` names `base` as its backing image. */
export async function backsOn(overlay: string, base: string): Promise<boolean> {
  const header = await readImageHeader(overlay);
  const target = await realOrResolved(base);
  return header !== undefined && (await refersTo(header, overlay, target));
}

/**
 * Absolute paths of the qcow2 and qed images that back on `image`, sorted: those in some folders
 * (not below) and among `candidates`. The folder of `image` is always looked into. Files that
 * cannot be read are passed over.
 */
export async function findBackedBy(
  image: string,
  folders: readonly string[] = [],
  candidates: readonly string[] = [],
): Promise<string[]> {
  const target = await realOrResolved(image);
  const all = new Set([dirname(resolve(image)), dirname(target), ...folders]);
  const listed = (await Promise.all([...all].map(listRegularFiles))).flat();
  const files = [...new Set([...listed, ...candidates])];
  const dependents = new Set<string>();
  for (let at = 0; at < files.length; at += SCAN_CONCURRENCY) {
    const batch = files.slice(at, at + SCAN_CONCURRENCY);
    await Promise.all(
      batch.map(async (path) => {
        if (await isDependent(path, target)) dependents.add(path);
      }),
    );
  }
  return [...dependents].sort();
}

async function isDependent(path: string, target: string): Promise<boolean> {
  const header = await readImageHeader(path).catch(() => undefined);
  if (!header || !(await refersTo(header, path, target))) return false;
  // A guest can write any header into its raw disk, also one that names the disk itself.
  return (await realOrResolved(path)) !== target;
}

async function refersTo(header: ImageHeader, path: string, target: string): Promise<boolean> {
  if (!header.backing) return false;
  const backing = localFileOf(header.backing.name, path);
  return backing !== undefined && (await realOrResolved(backing)) === target;
}

/**
 * The local file behind any kind of backing name. Looser than `plainBackingPath`: QEMU also writes
 * `file:` and `json:` names, and a dependent that is overlooked is lost with its base.
 */
function localFileOf(name: string, imagePath: string): string | undefined {
  const folder = dirname(imagePath);
  if (name.startsWith("file:")) return resolve(folder, name.slice("file:".length));
  if (!name.startsWith("json:")) return plainBackingPath(name, imagePath);
  const inner = fileNameIn(name.slice("json:".length));
  return inner === undefined ? undefined : resolve(folder, inner);
}

function fileNameIn(json: string): string | undefined {
  try {
    let node: unknown = JSON.parse(json);
    while (typeof node === "object" && node !== null) {
      const options = node as Record<string, unknown>;
      const name = options["filename"] ?? options["file.filename"];
      if (typeof name === "string") return name;
      node = options["file"];
    }
  } catch {
    // Not JSON: QEMU could not open it either.
  }
  return undefined;
}

async function backingFormat(header: ImageHeader, path: string, backing: string): Promise<string> {
  if (header.backing?.format !== undefined) return header.backing.format;
  // qed has no field for a backing format other than raw, so here the content has to tell.
  const found = header.format === "qed" ? await readImageHeader(backing) : undefined;
  if (found) return found.format;
  throw new DomsnapError(
    "disk-unsupported",
    `format of backing image '${backing}' of image '${path}' was not specified in the image metadata`,
    { hint: `Run qemu-img rebase -u -b '${backing}' -F FORMAT '${path}' to record it.` },
  );
}

async function listRegularFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isFile()).map((entry) => join(folder, entry.name));
}

async function realOrResolved(path: string): Promise<string> {
  return realpath(path).catch((error: unknown) => {
    if (errnoOf(error) === undefined) throw error;
    return resolve(path);
  });
}

/** The error for an image in which QEMU has found a contradiction while it used it. */
export function markedCorrupt(path: string): DomsnapError {
  return new DomsnapError(
    "disk-unsupported",
    `image '${path}' cannot be used: QEMU has marked it as corrupt`,
    {
      hint: `Keep a copy of the file. Then run 'qemu-img check -r all -f qcow2 ${path}', which repairs what can be and takes the mark away.`,
    },
  );
}

function encrypted(path: string, how: string): DomsnapError {
  return new DomsnapError(
    "disk-unsupported",
    `image '${path}' cannot be used: it is encrypted (${how}), and an overlay above it would not be`,
    { hint: "Leave the disk out with snapshot='no'." },
  );
}

function unsafe(path: string, reason: string): DomsnapError {
  return new DomsnapError("disk-unsupported", `image '${path}' cannot be used: ${reason}`, {
    hint: "Correct the image with 'qemu-img rebase' or convert it with 'qemu-img convert'.",
  });
}
