import { DomsnapError } from "../../errors/index.js";
import type { DiskSnapshot, Domain, DomainSnapshot, ImageRef } from "../../model/index.js";
import type { BackendRegistry } from "../../plan/backend-registry.js";
import { fileOfDiskSnapshot, findDisk, imageOf } from "../../plan/disk-images.js";
import {
  definitionsOf,
  filesOfRecord,
  knownImages,
  pathsOfDefinitions,
} from "../../plan/image-references.js";
import type { MergeStep, RemoveStep } from "../../model/index.js";
import type { Assigned } from "../../plan/assigned.js";
import type { DiskBackend } from "../../ports/index.js";
import type { AssignedDisk } from "../shared/choose-backend.js";

/** What a delete does with images. */
export interface ImageRemoval {
  readonly removals: Assigned<RemoveStep>[];
  readonly merges: Assigned<MergeStep>[];
  readonly discards: Assigned<ImageRef>[];
  readonly warnings: string[];
}

export interface RemovalFacts {
  readonly backends: BackendRegistry;
  readonly domain: Domain;
  readonly snapshot: DomainSnapshot;
  /** All other records of the domain. */
  readonly others: readonly DomainSnapshot[];
  /** Paths that other domains of the toolstack open. */
  readonly foreignPaths: ReadonlySet<string>;
  /** Images that the running guest has open; its hypervisor can merge them in both directions. */
  readonly openImages?: ReadonlySet<string>;
}

/**
 * Decides, disk by disk, how a snapshot's state is given up without touching any other state:
 * internal snapshots and copies are dropped; the one overlay on a frozen image is merged into it;
 * a frozen image at the end of an abandoned branch is unlinked. Looks at images, changes nothing.
 *
 * Throws `operation-unsupported` (several overlays on one frozen image, libvirt's rule) and
 * `image-in-use` (somebody unknown backs on it, or internal snapshots would be lost).
 */
export async function decideRemoval(
  disks: readonly AssignedDisk[],
  facts: RemovalFacts,
): Promise<ImageRemoval> {
  const removal: ImageRemoval = { removals: [], merges: [], discards: [], warnings: [] };
  for (const { disk, backend } of disks) {
    const target = disk.name;
    const image = imageOf(facts.snapshot.domain, target);
    if (!image) continue;
    if (disk.mode === "internal") {
      removal.removals.push({ backend: backend.id, keeps: "inside", target, image });
    } else if (backend.externalKind === "copy") {
      const copy = fileOfDiskSnapshot(disk);
      if (copy) removal.removals.push({ backend: backend.id, keeps: "copy", target, image, copy });
    } else {
      await decideOverlay(removal, { target, frozen: image, backend }, facts);
    }
  }
  return removal;
}

interface Frozen {
  readonly target: string;
  readonly frozen: ImageRef;
  readonly backend: DiskBackend;
}

async function decideOverlay(
  removal: ImageRemoval,
  { target, frozen, backend }: Frozen,
  facts: RemovalFacts,
): Promise<void> {
  const { domain, snapshot, others, foreignPaths } = facts;
  const known = knownImages([snapshot, ...others], [domain.definition, domain.inactiveDefinition]);
  const candidates = [...known.keys(), ...foreignPaths];
  const overlays = await backend.findDependents(frozen, candidates);
  const [path] = overlays;
  if (path === undefined) {
    await decideAbandoned(removal, { target, frozen, backend }, facts);
    return;
  }
  if (overlays.length > 1) throw severalOverlays(frozen, overlays);
  const overlay = known.get(path);
  if (!overlay)
    throw new DomsnapError(
      "image-in-use",
      `image '${path}' backs on '${frozen.path}', and no snapshot or domain of this connection names it`,
      { hint: `remove or rebase '${path}' if it is not needed, then repeat` },
    );
  assertSoleOwner(frozen, overlay, target, facts);
  await assertNoInternalSnapshots(backend, overlay);
  const above = await backend.findDependents(overlay, candidates);
  const relink = above.map((child) => known.get(child) ?? { ...overlay, path: child });
  const how: Direction =
    backend.keepsPaths === true
      ? { into: "renamed" }
      : await cheaperDirection({ target, frozen, backend }, overlay, facts);
  removal.merges.push({ backend: backend.id, target, base: frozen, overlay, relink, ...how });
}

type Direction =
  | { readonly into: "base" | "renamed"; readonly bytes?: number }
  | { readonly into: "overlay"; readonly onto: ImageRef; readonly bytes: number };

/**
 * Merging under a running guest's feet goes both ways. Down into the frozen image costs what the
 * overlay has, and the guest may write faster than that; up into the overlay costs what the frozen
 * image has, and always comes to an end. Up is possible only where the frozen image is an overlay
 * itself that nothing else needs, so that it may go; never with an image that we did not make.
 */
async function cheaperDirection(
  { target, frozen, backend }: Frozen,
  overlay: ImageRef,
  { domain, others, openImages }: RemovalFacts,
): Promise<Direction> {
  if (!openImages?.has(overlay.path)) return { into: "base" };
  const [below, above] = await Promise.all([backend.inspect(frozen), backend.inspect(overlay)]);
  const down = { into: "base", bytes: above.allocatedBytes } as const;
  const isTop = imageOf(domain.definition, target)?.path === overlay.path;
  const { path, format } = below.backing ?? {};
  if (!isTop || path === undefined || format === undefined) return down;
  if (below.allocatedBytes >= above.allocatedBytes || below.snapshots.length > 0) return down;
  if (below.virtualSizeBytes !== above.virtualSizeBytes) return down;
  const needed = pathsOfDefinitions([domain.inactiveDefinition, ...others.flatMap(definitionsOf)]);
  const isOurs = others.flatMap(filesOfRecord).includes(frozen.path);
  if (needed.has(frozen.path) || !isOurs) return down;
  const onto: ImageRef = { path, type: "file", format };
  return { into: "overlay", onto, bytes: below.allocatedBytes };
}

/** The frozen image ends an abandoned branch: unlink it if it was an overlay that nobody needs. */
async function decideAbandoned(
  removal: ImageRemoval,
  { target, frozen, backend }: Frozen,
  { domain, others, foreignPaths }: RemovalFacts,
): Promise<void> {
  const needed = pathsOfDefinitions([
    domain.definition,
    domain.inactiveDefinition,
    ...others.flatMap(definitionsOf),
  ]);
  if (needed.has(frozen.path) || foreignPaths.has(frozen.path)) return;
  const isListed = others.flatMap(filesOfRecord).includes(frozen.path);
  // A frozen image that had to make room got its name from the snapshot; only a root is the user's.
  if (isListed || (backend.keepsPaths === true && (await backend.inspect(frozen)).backing))
    removal.discards.push({ ...frozen, backend: backend.id });
  else
    removal.warnings.push(
      `disk '${target}': image '${frozen.path}' is kept, no snapshot of this domain has made it`,
    );
}

function assertSoleOwner(
  frozen: ImageRef,
  overlay: ImageRef,
  target: string,
  { others, foreignPaths, backends }: RemovalFacts,
): void {
  for (const { path } of [frozen, overlay])
    if (foreignPaths.has(path))
      throw new DomsnapError("image-in-use", `another domain uses image '${path}'`, {
        hint: "give that domain an image of its own first",
      });
  const rival = others.find(
    (record) =>
      imageOf(record.domain, target)?.path === frozen.path &&
      record.disks.some((disk) => disk.name === target && keepsStateBelow(backends, record, disk)),
  );
  if (rival)
    throw new DomsnapError(
      "image-in-use",
      `snapshot '${rival.name}' keeps its state in image '${frozen.path}' as well`,
      { hint: `delete snapshot '${rival.name}' first` },
    );
}

/**
 * Whether a disk's state is the image below an overlay; a copy has it in itself. What libvirt or
 * another program has made of a form that no backend has is an overlay. Throws `tool-missing`.
 */
function keepsStateBelow(
  backends: BackendRegistry,
  { domain }: DomainSnapshot,
  disk: DiskSnapshot,
): boolean {
  if (disk.mode !== "external") return false;
  return backends.keeperOf(findDisk(domain, disk.name), disk)?.externalKind !== "copy";
}

async function assertNoInternalSnapshots(backend: DiskBackend, overlay: ImageRef): Promise<void> {
  const { snapshots } = await backend.inspect(overlay);
  if (snapshots.length === 0) return;
  const tags = snapshots.map(({ tag }) => `'${tag}'`).join(", ");
  throw new DomsnapError(
    "image-in-use",
    `image '${overlay.path}' would be merged, but holds internal snapshots: ${tags}`,
    { hint: "delete those snapshots first" },
  );
}

function severalOverlays(frozen: ImageRef, overlays: readonly string[]): DomsnapError {
  return new DomsnapError(
    "config-unsupported",
    "deletion of external disk snapshot with multiple children snapshots not supported",
    {
      hint: `${overlays.join(", ")} all back on ${frozen.path}; delete branches until one is left`,
    },
  );
}
