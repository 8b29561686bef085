import { DomsnapError } from "../errors/index.js";
import type { DomainSnapshot, ImageRef, MergeStep, RemoveStep } from "../model/index.js";
import type { DeleteEffect } from "../rules/index.js";
import type { Assigned } from "./assigned.js";
import { fileOfDiskSnapshot, findDisk, imageOf } from "./disk-images.js";
import type { DefinitionEdit, RecordEdit } from "./document-edits.js";
import { followingRecords, mergedAway, settleParent } from "./following-records.js";
import { cheaperDirection, type Direction } from "./merge-direction.js";
import { dependentsOf, infoOf, type ImageFacts, type Locator } from "./image-facts.js";
import {
  definitionsOf,
  filesOfRecord,
  knownImages,
  pathsOfDefinitions,
} from "./image-references.js";
import type { KeeperProfile, KeptDisk } from "./kept-disk.js";
import type { RecordedFacts } from "./recorded-facts.js";

export interface RemovalFacts extends RecordedFacts {
  /** All other records of the domain. */
  readonly others: readonly DomainSnapshot[];
  /** What becomes of the tree. */
  readonly effect: DeleteEffect;
  /** Images that the running guest has open; its hypervisor can merge them in both directions. */
  readonly openImages?: ReadonlySet<Locator>;
  /** Where the toolstack keeps the memory of a snapshot that names no file for it. */
  readonly managedMemory?: string;
}

/** What a delete does with images. */
export interface ImageRemoval {
  readonly removals: readonly Assigned<RemoveStep>[];
  readonly merges: readonly Assigned<MergeStep>[];
  /** Frozen images of an abandoned branch that nothing refers to afterwards. */
  readonly discards: readonly Assigned<ImageRef>[];
  readonly warnings: readonly string[];
}

export interface Removal extends ImageRemoval {
  /** The stored definition, where it names an image that is merged away. */
  readonly definition?: DefinitionEdit;
  readonly records: readonly RecordEdit[];
  /** The snapshot's memory, if it is kept in a file that no other record names. */
  readonly memoryFile?: string;
}

/**
 * Decides how a snapshot is given up without touching any other state. Disk by disk: internal
 * snapshots and copies are dropped; the one overlay on a frozen image is merged into it; a frozen
 * image at the end of an abandoned branch is unlinked.
 *
 * Throws `config-unsupported` (several overlays on one frozen image, libvirt's rule),
 * `operation-unsupported` (an internal snapshot below the image that the guest writes to),
 * `image-in-use` (somebody unknown stands on it, or internal snapshots would be lost), and the
 * reason where an image could not be looked at.
 */
export function decideRemoval(facts: RemovalFacts): Removal {
  const { domain, snapshot, others, effect, tree } = facts;
  const images = removeDisks(facts);
  assertRemovable(images.removals, facts);
  const present = domain.inactiveDefinition ?? domain.definition;
  const relocations = mergedAway(present, images.merges);
  return {
    ...images,
    ...(relocations.length > 0 ? { definition: { definition: present, relocations } } : {}),
    records: followingRecords(settleParent(others, snapshot, tree), {
      effect,
      merges: images.merges,
      before: others,
    }),
    ...memoryFileOf(facts),
  };
}

function removeDisks(facts: RemovalFacts): ImageRemoval {
  const parts = facts.disks.map((disk) => removeDisk(disk, facts));
  return {
    removals: parts.flatMap((part) => (part.does === "remove" ? part.step : [])),
    merges: parts.flatMap((part) => (part.does === "merge" ? part.step : [])),
    discards: parts.flatMap((part) => (part.does === "discard" ? part.step : [])),
    warnings: parts.flatMap((part) => (part.does === "keep" ? (part.warning ?? []) : [])),
  };
}

/** What becomes of one disk. */
type DiskRemoval =
  | { readonly does: "remove"; readonly step: Assigned<RemoveStep> }
  | { readonly does: "merge"; readonly step: Assigned<MergeStep> }
  | { readonly does: "discard"; readonly step: Assigned<ImageRef> }
  | { readonly does: "keep"; readonly warning?: string };

const KEEP: DiskRemoval = { does: "keep" };

function removeDisk({ disk, backend }: KeptDisk, facts: RemovalFacts): DiskRemoval {
  const target = disk.name;
  const image = imageOf(facts.snapshot.domain, target);
  if (!image) return KEEP;
  const step = { backend: backend.id, target, image };
  if (disk.mode === "internal") return { does: "remove", step: { ...step, keeps: "inside" } };
  if (backend.externalKind === "overlay")
    return removeFrozen({ target, frozen: image, backend }, facts);
  const copy = fileOfDiskSnapshot(disk);
  return copy ? { does: "remove", step: { ...step, keeps: "copy", copy } } : KEEP;
}

interface Frozen {
  readonly target: string;
  readonly frozen: ImageRef;
  readonly backend: KeeperProfile;
}

function removeFrozen({ target, frozen, backend }: Frozen, facts: RemovalFacts): DiskRemoval {
  const { domain, snapshot, others, images } = facts;
  const overlays = dependentsOf(images, frozen);
  const [path] = overlays;
  if (path === undefined) return removeAbandoned({ target, frozen, backend }, facts);
  if (overlays.length > 1) throw severalOverlays(frozen, overlays);
  const known = knownImages([snapshot, ...others], [domain.definition, domain.inactiveDefinition]);
  const overlay = known.get(path);
  if (!overlay)
    throw new DomsnapError(
      "image-in-use",
      `image '${path}' backs on '${frozen.path}', and no snapshot or domain of this connection names it`,
      { hint: `remove or rebase '${path}' if it is not needed, then repeat` },
    );
  assertSoleOwner(frozen, overlay, target, facts);
  assertNoInternalSnapshots(overlay, images);
  const above = dependentsOf(images, overlay);
  const relink = above.map((child) => known.get(child) ?? { ...overlay, path: child });
  const how: Direction =
    backend.keepsPaths === true
      ? { into: "renamed" }
      : cheaperDirection({ target, frozen, overlay }, facts);
  const step = { backend: backend.id, target, base: frozen, overlay, relink, ...how };
  return { does: "merge", step };
}

/** The frozen image ends an abandoned branch: unlink it if it was an overlay that nobody needs. */
function removeAbandoned(
  { target, frozen, backend }: Frozen,
  { domain, others, images }: RemovalFacts,
): DiskRemoval {
  const needed = pathsOfDefinitions([
    domain.definition,
    domain.inactiveDefinition,
    ...others.flatMap(definitionsOf),
  ]);
  if (needed.has(frozen.path) || images.foreign.has(frozen.path)) return KEEP;
  const isListed = others.flatMap(filesOfRecord).includes(frozen.path);
  // A frozen image that had to make room got its name from the snapshot; only a root is the user's.
  if (isListed || (backend.keepsPaths === true && infoOf(images, frozen).backing))
    return { does: "discard", step: { ...frozen, backend: backend.id } };
  return {
    does: "keep",
    warning: `disk '${target}': image '${frozen.path}' is kept, no snapshot of this domain has made it`,
  };
}

function assertSoleOwner(
  frozen: ImageRef,
  overlay: ImageRef,
  target: string,
  { others, images, backends }: RemovalFacts,
): void {
  for (const { path } of [frozen, overlay])
    if (images.foreign.has(path))
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
  backends: RemovalFacts["backends"],
  { domain }: DomainSnapshot,
  disk: DomainSnapshot["disks"][number],
): boolean {
  if (disk.mode !== "external") return false;
  return backends.keeperOf(findDisk(domain, disk.name), disk)?.externalKind !== "copy";
}

function assertNoInternalSnapshots(overlay: ImageRef, images: ImageFacts): void {
  const { snapshots } = infoOf(images, overlay);
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

/**
 * Throws `operation-unsupported` with libvirt's text for an internal snapshot in an image below the
 * one that the guest writes to: its QEMU has it open, and cannot change it.
 */
function assertRemovable(
  removals: readonly RemoveStep[],
  { snapshot, openImages, domain: { definition } }: RemovalFacts,
): void {
  const stuck = removals.find(
    ({ target, keeps, image }) =>
      keeps === "inside" &&
      openImages?.has(image.path) === true &&
      imageOf(definition, target)?.path !== image.path,
  );
  if (stuck)
    throw new DomsnapError(
      "operation-unsupported",
      `disk image '${stuck.image.path}' for internal snapshot '${snapshot.name}' is not the same as disk image currently used by VM`,
      { hint: "delete the overlays above first, or shut the domain down" },
    );
}

/** The file with a snapshot's memory, unless another record names it, too. */
function memoryFileOf({ snapshot: { memory }, others, managedMemory }: RemovalFacts): {
  readonly memoryFile?: string;
} {
  if (memory?.mode === "internal")
    return managedMemory === undefined ? {} : { memoryFile: managedMemory };
  const file = memory?.mode === "external" ? memory.file : undefined;
  if (file === undefined || others.some((other) => other.memory?.file === file)) return {};
  return { memoryFile: file };
}
