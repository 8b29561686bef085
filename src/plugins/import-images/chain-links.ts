import { stat } from "node:fs/promises";

import { DomsnapError } from "../../core/errors/index.js";
import type { ImageRef } from "../../core/model/index.js";
import { imageBelow } from "../../qemu-images/definition-below.js";
import { findChildren, hostImageFiles, openChain, unixSeconds } from "../../formats/vhd/index.js";

/** One overlay of a disk's chain and the image that it froze. */
export interface Link {
  readonly target: string;
  readonly overlay: ImageRef;
  readonly frozen: ImageRef;
  /** When the overlay was made, which is when the other was frozen; seconds since 1970. */
  readonly madeAt: number;
  /** What else is known of the frozen image, a sentence each. */
  readonly notes: readonly string[];
}

/** Longer chains are a mistake or an attack. */
const MAX_CHAIN_IMAGES = 256;

/**
 * What the image of a disk stands on, from the bottom up; empty if it stands alone. Throws
 * `disk-unsupported`, `image-missing` when any part of the chain is not as the one above says.
 */
export async function linksOf(target: string, top: ImageRef): Promise<Link[]> {
  return top.format === "vhd" ? vhdLinks(target, top) : qemuLinks(target, top);
}

/**
 * The chain is opened as for a guest: parents by UUID, no loops. Files that stand on one of it and
 * are not part of it are told: XenServer's snapshots are such leaves, on a base that is hidden.
 */
async function vhdLinks(target: string, top: ImageRef): Promise<Link[]> {
  const chain = await openChain(hostImageFiles, top.path, "vhd");
  await chain.close();
  const links: Link[] = [];
  for (const [index, upper] of chain.images.entries()) {
    const lower = chain.images[index + 1];
    if (!lower || upper.kind === "raw") break;
    const frozen: ImageRef = {
      path: lower.layer.path,
      type: "file",
      format: lower.kind === "raw" ? "raw" : "vhd",
    };
    const overlay: ImageRef = { path: upper.layer.path, type: "file", format: "vhd" };
    const others = await otherChildren(frozen.path, overlay.path);
    links.unshift({
      target,
      overlay,
      frozen,
      madeAt: unixSeconds(upper.footer.createdAt),
      notes: [
        ...(lower.kind !== "raw" && lower.footer.hidden
          ? [`${frozen.path} is marked hidden, as XenServer marks a base copy`]
          : []),
        ...others.map(
          (other) =>
            `${other} stands on ${frozen.path}, too: they cannot be merged as long as it is there`,
        ),
      ],
    });
  }
  return links;
}

async function otherChildren(path: string, own: string): Promise<string[]> {
  const real = await hostImageFiles.realPath(own);
  return (await findChildren(hostImageFiles, path)).filter(
    (child) => child !== real && child !== own,
  );
}

async function qemuLinks(target: string, top: ImageRef): Promise<Link[]> {
  const links: Link[] = [];
  const seen = new Set<string>();
  let overlay = top;
  for (;;) {
    if (overlay.format !== "qcow2" && overlay.format !== "qed") break;
    const below = await imageBelow(overlay.path);
    if (!below) break;
    if (seen.has(below.path) || links.length === MAX_CHAIN_IMAGES)
      throw new DomsnapError("disk-unsupported", "its backing files form a loop");
    seen.add(below.path);
    const frozen: ImageRef = { ...below, type: "file" };
    links.unshift({ target, overlay, frozen, madeAt: await bornAt(overlay.path), notes: [] });
    overlay = frozen;
  }
  return links;
}

/** As far as the file system knows. */
async function bornAt(path: string): Promise<number> {
  const { birthtimeMs, mtimeMs } = await stat(path);
  return Math.floor((birthtimeMs > 0 ? Math.min(birthtimeMs, mtimeMs) : mtimeMs) / 1000);
}
