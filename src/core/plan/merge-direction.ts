import type { Domain, DomainSnapshot, ImageRef } from "../model/index.js";
import { imageOf } from "./disk-images.js";
import type { Locator } from "./answer.js";
import { infoOf, type ImageFacts } from "./image-facts.js";
import { madeFor } from "./image-references.js";

interface Merge {
  readonly target: string;
  readonly frozen: ImageRef;
  readonly overlay: ImageRef;
}

interface MergeFacts {
  readonly domain: Domain;
  /** The one that is given up. */
  readonly snapshot: Pick<DomainSnapshot, "name">;
  /** The records that stay. */
  readonly others: readonly DomainSnapshot[];
  readonly images: ImageFacts;
  readonly openImages?: ReadonlySet<Locator>;
}

/** Which of two images a merge leaves, and how many bytes it copies at most. */
export type Direction =
  | { readonly into: "base" | "renamed"; readonly bytes?: number }
  | { readonly into: "overlay"; readonly onto: ImageRef; readonly bytes: number };

/**
 * Merging under a running guest's feet goes both ways. Down into the frozen image costs what the
 * overlay has, and the guest may write faster than that; up into the overlay costs what the frozen
 * image has, and always comes to an end. Up is possible only where the frozen image is an overlay
 * itself that nothing else needs, so that it may go; never with an image that we did not make.
 */
export function cheaperDirection(
  { target, frozen, overlay }: Merge,
  { domain, snapshot, others, openImages, images }: MergeFacts,
): Direction {
  if (!openImages?.has(overlay.path)) return { into: "base" };
  const [below, above] = [infoOf(images, frozen), infoOf(images, overlay)];
  const down = { into: "base", bytes: above.allocatedBytes } as const;
  const isTop = imageOf(domain.definition, target)?.path === overlay.path;
  const { path, format } = below.backing ?? {};
  if (!isTop || path === undefined || format === undefined) return down;
  if (below.allocatedBytes >= above.allocatedBytes || below.snapshots.length > 0) return down;
  if (below.virtualSizeBytes !== above.virtualSizeBytes) return down;
  const { needs } = images;
  const isNeeded = needs
    .needsOf(frozen.path)
    .some(({ holder }) => holder.snapshot !== snapshot.name);
  const isOurs = others.flatMap(madeFor).some((made) => needs.isSame(made.path, frozen.path));
  if (isNeeded || !isOurs) return down;
  const onto: ImageRef = { path, type: "file", format };
  return { into: "overlay", onto, bytes: below.allocatedBytes };
}
