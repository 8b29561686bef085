import { DomsnapError } from "../errors/index.js";
import {
  emptiedBy,
  tagOf,
  type BackendId,
  type DomainSnapshot,
  type ImageRef,
  type MergeStep,
  type RemoveStep,
} from "../model/index.js";
import type { DeleteEffect } from "../rules/index.js";
import type { Locator } from "./answer.js";
import type { Assigned } from "./assigned.js";
import { fileOfDiskSnapshot, imageOf } from "./disk-images.js";
import type { DefinitionEdit, RecordEdit } from "./document-edits.js";
import { followingRecords, mergedAway, settleParent } from "./following-records.js";
import { infoOf, type ImageFacts } from "./image-facts.js";
import { knownImages, listedDisks, madeFor } from "./image-references.js";
import type { KeeperProfile, KeptDisk } from "./kept-disk.js";
import { keepListed, unlistedOverlays } from "./left-behind.js";
import { cheaperDirection, type Direction } from "./merge-direction.js";
import { isOf, releaseOf, tellNeed, type Need } from "./needs.js";
import type { RecordedFacts } from "./recorded-facts.js";
import { assertRemovableMemory, type MemoryLooks } from "./saved-memory.js";

export interface RemovalFacts extends RecordedFacts {
  /** All other records of the domain. */
  readonly others: readonly DomainSnapshot[];
  /** What becomes of the tree. */
  readonly effect: DeleteEffect;
  /** Images that the running guest has open; its hypervisor can merge them in both directions. */
  readonly openImages?: ReadonlySet<Locator>;
  /** Where the toolstack keeps the memory of a snapshot that names no file for it. */
  readonly managedMemory?: string;
  /** What stands at the file of its memory. */
  readonly savedMemory: MemoryLooks;
}

/** What a delete does with images. */
export interface ImageRemoval {
  readonly removals: readonly Assigned<RemoveStep>[];
  readonly merges: readonly Assigned<MergeStep>[];
  /** Images that a merge leaves without use, and that stay: they are the user's. */
  readonly staying: readonly Locator[];
  /** Overlays that earlier changes have left and that nobody needs. */
  readonly garbage: readonly Assigned<ImageRef>[];
  /** Frozen images of an abandoned branch that nothing refers to afterwards. */
  readonly discards: readonly Assigned<ImageRef>[];
  readonly warnings: readonly string[];
}

export interface Removal extends ImageRemoval {
  /** The stored definition, where it names an image that is merged away. */
  readonly definition?: DefinitionEdit;
  readonly records: readonly RecordEdit[];
  /** The records without the garbage, which goes first. */
  readonly swept: readonly DomainSnapshot[];
  /** The snapshot's memory, if it is kept in a file that no other record names. */
  readonly memoryFile?: string;
}

/**
 * Decides how a snapshot is given up without touching any other state. Disk by disk: internal
 * snapshots and copies are dropped; the one overlay on a frozen image is merged into it; a frozen
 * image at the end of an abandoned branch is unlinked. What somebody else needs as well stays.
 *
 * Throws `config-unsupported` (several overlays on one frozen image, libvirt's rule),
 * `operation-unsupported` (an internal snapshot below the image that the guest writes to),
 * `image-in-use` (somebody else needs what would change, or internal snapshots or bitmaps would be
 * lost),
 * `path-untrusted` (a file that is nowhere near the domain's own),
 * `memory-foreign` (what is said to be its memory is something else),
 * `image-unreachable` (nobody can tell whether somebody does), and the reason where an image could
 * not be looked at.
 */
export function decideRemoval(facts: RemovalFacts): Removal {
  const { domain, snapshot, others, effect, tree } = facts;
  const { needs } = facts.images;
  const { garbage, freed } = sortLeftovers(facts);
  const parts = removeDisks(facts, garbage);
  assertRemovable(parts.removals, facts);
  assertAllTrusted(parts, facts);
  const isDiscarded = ({ path }: ImageRef) =>
    parts.discards.some((one) => needs.isSame(one.path, path));
  const discards = [...parts.discards, ...freed.filter((overlay) => !isDiscarded(overlay))];
  const images = { ...parts, garbage, discards };
  const present = domain.inactiveDefinition ?? domain.definition;
  const relocations = mergedAway(present, images.merges, needs);
  const removed = [
    ...images.merges.map((step) => emptiedBy(step).path),
    ...[...garbage, ...discards].map(({ path }) => path),
  ];
  const after = keepListed({
    before: [snapshot, ...others],
    after: settleParent(others, snapshot, tree),
    removed,
    needs,
    backends: facts.backends,
  });
  return {
    ...images,
    ...(relocations.length > 0 ? { definition: { definition: present, relocations } } : {}),
    swept: sweptRecords(garbage, facts),
    records: followingRecords(after, { effect, merges: images.merges, before: others, needs }),
    ...memoryFileOf(facts),
  };
}

/** The records that list garbage, without it. */
function sweptRecords(
  garbage: readonly ImageRef[],
  { snapshot, others, images: { needs }, backends }: RemovalFacts,
): DomainSnapshot[] {
  const before = [snapshot, ...others];
  const removed = garbage.map(({ path }) => path);
  return keepListed({ before, after: before, removed, needs, backends }).filter(
    (record) => !before.includes(record),
  );
}

/** Throws `path-untrusted`. */
function assertAllTrusted(
  { removals, merges, discards }: Omit<ImageRemoval, "garbage">,
  facts: RemovalFacts,
): void {
  const assert = (path: Locator, what: string) => {
    facts.images.trust.assert(path, what, { isRecordOnly: true });
  };
  for (const step of removals)
    if (step.keeps === "copy") assert(step.copy.path, "removed");
    else assert(step.image.path, "written to");
  for (const step of merges) {
    assert(step.base.path, "written to");
    assert(step.overlay.path, "merged and removed");
    for (const { path } of step.relink) assert(path, "put on another image");
    if (step.into === "overlay") assert(step.onto.path, "read by the guest");
  }
  for (const { path } of discards) assert(path, "removed");
  const { memory } = facts.snapshot;
  if (memory?.mode === "external" && memory.file !== undefined) assert(memory.file, "removed");
}

function removeDisks(
  facts: RemovalFacts,
  garbage: readonly ImageRef[],
): Omit<ImageRemoval, "garbage"> {
  const parts = facts.disks.map((disk) => removeDisk(disk, facts, garbage));
  const merges = parts.flatMap((part) => (part.does === "merge" ? part.step : []));
  const staying = merges.map(emptiedBy).filter((emptied) => isReused(emptied, facts));
  return {
    removals: parts.flatMap((part) => (part.does === "remove" ? part.step : [])),
    merges,
    staying: staying.map(({ path }) => path),
    discards: parts.flatMap((part) => (part.does === "discard" ? part.step : [])),
    warnings: [
      ...parts.flatMap((part) => (part.does === "keep" ? (part.warning ?? []) : [])),
      ...staying.map(({ path }) => `file '${path}' is left: ${REUSED}`),
    ],
  };
}

const REUSED = "it was there before the snapshot was taken";

/** Overlays that earlier changes have left, by when nobody needs them. */
interface Leftovers {
  /** Free already: they go before anything is merged. */
  readonly garbage: readonly Assigned<ImageRef>[];
  /** Free as soon as the snapshot is gone. */
  readonly freed: readonly Assigned<ImageRef>[];
}

function sortLeftovers(facts: RemovalFacts): Leftovers {
  const { needs, trust } = facts.images;
  const there = leftOverlays(facts).filter(({ path }) => !needs.isAbsent(path) && trust.has(path));
  const isGarbage = ({ path }: ImageRef) => needs.isFree(path, () => false);
  const garbage = there.filter(isGarbage);
  const freed = there.filter(
    (overlay) =>
      !garbage.includes(overlay) && needs.isFree(overlay.path, (need) => isOfSnapshot(need, facts)),
  );
  return { garbage, freed };
}

/**
 * Overlays that reverts have left, and that no record has as a disk any more once the snapshot is
 * gone. Those of its own disks are none of them: where no definition opens one, its disk may only be
 * detached, and what was written to it goes down into the image below as ever.
 */
function leftOverlays({
  snapshot,
  others,
  tree,
  backends,
  images: { needs },
}: RemovalFacts): Assigned<ImageRef>[] {
  const after = settleParent(others, snapshot, tree);
  const { revertDisks: _own, ...rest } = snapshot;
  return unlistedOverlays([{ ...rest, disks: [] }, ...others], after, { needs, backends });
}

/** What becomes of one disk. */
type DiskRemoval =
  | { readonly does: "remove"; readonly step: Assigned<RemoveStep> }
  | { readonly does: "merge"; readonly step: Assigned<MergeStep> }
  | { readonly does: "discard"; readonly step: Assigned<ImageRef> }
  | { readonly does: "keep"; readonly warning?: string };

const KEEP: DiskRemoval = { does: "keep" };

function removeDisk(
  { disk, backend }: KeptDisk,
  facts: RemovalFacts,
  garbage: readonly ImageRef[],
): DiskRemoval {
  const target = disk.name;
  const image = imageOf(facts.snapshot.domain, target);
  if (!image) return KEEP;
  const step = { backend: backend.id, target, image };
  if (disk.mode === "internal") return removeInside(step, facts);
  if (backend.externalKind === "overlay")
    return removeFrozen({ target, frozen: image, backend }, facts, garbage);
  const copy = fileOfDiskSnapshot(disk);
  return copy ? removeCopy({ ...step, copy }, disk.reused === true, facts) : KEEP;
}

interface OneDisk {
  readonly backend: BackendId;
  readonly target: string;
  readonly image: ImageRef;
}

/** Another record may be of the same internal snapshot: then it stays in the image. */
function removeInside(step: OneDisk, facts: RemovalFacts): DiskRemoval {
  const tag = tagOf(facts.snapshot);
  const isShared = restOf(step.image, facts).some(
    (need) => need.use === "inside" && need.tag === tag,
  );
  if (isShared) return KEEP;
  return { does: "remove", step: { ...step, keeps: "inside" } };
}

function removeCopy(
  step: OneDisk & { readonly copy: ImageRef },
  isReused: boolean,
  facts: RemovalFacts,
): DiskRemoval {
  const { copy, target } = step;
  const [rest] = restOf(copy, facts);
  const [above] = facts.images.needs.standingOn(copy.path);
  const reason =
    (rest && tellNeed(rest)) ??
    (above === undefined ? undefined : `'${above}' stands on it`) ??
    (isReused ? REUSED : undefined);
  if (reason !== undefined)
    return { does: "keep", warning: `disk '${target}': file '${copy.path}' is left: ${reason}` };
  return { does: "remove", step: { ...step, keeps: "copy" } };
}

interface Frozen {
  readonly target: string;
  readonly frozen: ImageRef;
  readonly backend: KeeperProfile;
}

function removeFrozen(
  { target, frozen, backend }: Frozen,
  facts: RemovalFacts,
  garbage: readonly ImageRef[],
): DiskRemoval {
  const { domain, snapshot, others, images } = facts;
  const { needs } = images;
  // Another snapshot is of the same state: what it is made of stays.
  if (restOf(frozen, facts).some(({ use }) => use === "state" || use === "copy")) return KEEP;
  const overlays = needs
    .standingOn(frozen.path)
    .filter((path) => !garbage.some((one) => needs.isSame(one.path, path)));
  const [path] = overlays;
  if (path === undefined) return removeAbandoned({ target, frozen, backend }, facts);
  if (overlays.length > 1) throw severalOverlays(frozen, overlays, facts);
  const known = knownImages([snapshot, ...others], [domain.definition, domain.inactiveDefinition]);
  const overlay = needs.findAmong(known, path);
  if (!overlay) throw unknownOverlay(path, frozen, facts);
  assertSoleOwner(frozen, overlay, facts);
  assertNoInternalSnapshots(overlay, images);
  const relink = needs
    .standingOn(overlay.path)
    .map((child) => needs.findAmong(known, child) ?? { ...overlay, path: child });
  const how: Direction =
    backend.keepsPaths === true
      ? { into: "renamed" }
      : cheaperDirection({ target, frozen, overlay }, facts);
  const step = { backend: backend.id, target, base: frozen, overlay, relink, ...how };
  assertNoBitmaps(step, images);
  return { does: "merge", step };
}

/** The frozen image ends an abandoned branch: unlink it if it was an overlay that nobody needs. */
function removeAbandoned({ target, frozen, backend }: Frozen, facts: RemovalFacts): DiskRemoval {
  const { snapshot, others, images } = facts;
  if (restOf(frozen, facts).length > 0) return KEEP;
  const isListed = [snapshot, ...others]
    .flatMap(madeFor)
    .some((made) => images.needs.isSame(made.path, frozen.path));
  const isOurs =
    isListed ||
    // A frozen image that had to make room got its name from the snapshot; only a root is the user's.
    (backend.keepsPaths === true && infoOf(images, frozen).backing !== undefined);
  if (isOurs && !isReused(frozen, facts))
    return { does: "discard", step: { ...frozen, backend: backend.id } };
  return {
    does: "keep",
    warning: `disk '${target}': image '${frozen.path}' is kept, no snapshot of this domain has made it`,
  };
}

/** Whether a record says that the file was there before and is the user's. */
function isReused({ path }: ImageRef, { snapshot, others, images }: RemovalFacts): boolean {
  return [snapshot, ...others].flatMap(listedDisks).some((disk) => {
    const file = fileOfDiskSnapshot(disk);
    return disk.reused === true && file !== undefined && images.needs.isSame(file.path, path);
  });
}

/** Who needs an image beside the snapshot that is given up. */
function restOf({ path }: ImageRef, facts: RemovalFacts): Need[] {
  return facts.images.needs.needsOf(path).filter((need) => !isOfSnapshot(need, facts));
}

function isOfSnapshot(need: Need, { domain, snapshot }: RemovalFacts): boolean {
  return isOf(need, domain) && need.holder.snapshot === snapshot.name;
}

/** Throws unless only the snapshot that is given up, and what goes on above, sees what changes. */
function assertSoleOwner(frozen: ImageRef, overlay: ImageRef, facts: RemovalFacts): void {
  const { domain, images } = facts;
  const disturbed = [
    ...restOf(frozen, facts).filter((need) => !isOf(need, domain) || need.use === "present"),
    ...images.needs.needsThrough(overlay.path).filter((need) => !isOf(need, domain)),
    ...restOf(overlay, facts).filter(({ use }) => use === "copy" || use === "memory"),
  ];
  const [first] = disturbed;
  if (!first) return;
  const image = restOf(frozen, facts).includes(first) ? frozen : overlay;
  throw new DomsnapError(
    "image-in-use",
    `deleting snapshot '${facts.snapshot.name}' would change image '${image.path}': ${tellNeed(first)}`,
    { hint: releaseOf(first, domain) },
  );
}

function assertNoInternalSnapshots(overlay: ImageRef, images: ImageFacts): void {
  const { snapshots } = infoOf(images, overlay);
  if (snapshots.length === 0) return;
  const tags = snapshots.map(({ tag }) => `'${tag}'`).join(", ");
  throw new DomsnapError(
    "image-in-use",
    `image '${overlay.path}' would be merged, but holds internal snapshots: ${tags}`,
    { hint: "Delete those snapshots first." },
  );
}

/** What is merged up loses the image below, with its bitmaps; what is merged down the overlay. */
function assertNoBitmaps(step: MergeStep, images: ImageFacts): void {
  const { into, target, base, overlay } = step;
  const emptied = into === "overlay" ? base : overlay;
  const { bitmaps = [] } = infoOf(images, emptied);
  const [first] = bitmaps;
  if (first === undefined) return;
  const names = bitmaps.map((name) => `'${name}'`).join(", ");
  throw new DomsnapError(
    "image-in-use",
    `disk '${target}': image '${emptied.path}' would be merged, but has bitmaps for backups: ${names}`,
    {
      hint: `Remove each while the guest is off: 'qemu-img bitmap --remove ${emptied.path} ${first}'. The next backup is a full one then.`,
    },
  );
}

function severalOverlays(
  frozen: ImageRef,
  overlays: readonly Locator[],
  facts: RemovalFacts,
): DomsnapError {
  const users = overlays.map((path) => {
    const [need] = facts.images.needs.knownNeedsOf(path);
    return `'${path}' (${need ? tellNeed(need) : "nobody is known to need it: remove it yourself"})`;
  });
  return new DomsnapError(
    "config-unsupported",
    "deletion of external disk snapshot with multiple children snapshots not supported",
    {
      hint: `Delete snapshots until one of these is left, which stand on '${frozen.path}': ${users.join(", ")}.`,
    },
  );
}

function unknownOverlay(path: Locator, frozen: ImageRef, facts: RemovalFacts): DomsnapError {
  const [need] = facts.images.needs.knownNeedsOf(path);
  const who = need ? tellNeed(need) : "no snapshot or domain of this connection names it";
  return new DomsnapError("image-in-use", `image '${path}' backs on '${frozen.path}', and ${who}`, {
    hint: need
      ? releaseOf(need, facts.domain)
      : `Remove or rebase '${path}' if it is not needed, then repeat.`,
  });
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
      { hint: "Delete the overlays above first, or shut the domain down." },
    );
}

/** The file with a snapshot's memory, unless something else needs it, too. Throws `memory-foreign`. */
function memoryFileOf(facts: RemovalFacts): { readonly memoryFile?: string } {
  const path = memoryToRemove(facts);
  if (path === undefined) return {};
  assertRemovableMemory(path, facts.savedMemory);
  return { memoryFile: path };
}

function memoryToRemove(facts: RemovalFacts): Locator | undefined {
  const { memory } = facts.snapshot;
  if (memory?.mode === "internal") return facts.managedMemory;
  const path = memory?.mode === "external" ? memory.file : undefined;
  if (path === undefined || restOf({ path, type: "file", format: "raw" }, facts).length > 0)
    return undefined;
  return path;
}
