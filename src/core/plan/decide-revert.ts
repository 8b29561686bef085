import { DomsnapError } from "../errors/index.js";
import {
  childrenOf,
  type BackendId,
  type DiskSnapshot,
  type DomainSnapshot,
  type ImageRef,
  type StartMemory,
} from "../model/index.js";
import type { Assigned } from "./assigned.js";
import type { BackendRegistry } from "./backend-registry.js";
import { fileOfDiskSnapshot, findDisk, imageOf, imagesOf, isTaken } from "./disk-images.js";
import { locatorsAfter, type DefinitionEdit } from "./document-edits.js";
import { valueOf, type Answer, type Locator } from "./answer.js";
import type { KeeperProfile } from "./kept-disk.js";
import { keepListed } from "./left-behind.js";
import { isOf, releaseOf, tellNeed, type Need } from "./needs.js";
import type { AssignedRevert } from "./plan-revert.js";
import { replaceDisks, withoutRevertDisks } from "./record-disks.js";
import type { RecordedFacts } from "./recorded-facts.js";
import { liveDefinition, recordedDefinition, withDisks } from "./reverted-definition.js";
import { startMemory, type MemoryFacts } from "./saved-memory.js";

export interface RevertDecisionFacts extends RecordedFacts {
  /** All records of the domain, the reverted one included. */
  readonly records: readonly DomainSnapshot[];
  /** Name of the current snapshot. */
  readonly current: string | undefined;
  /** By frozen image: names that are free for an overlay, the preferred one first. */
  readonly overlayNames: ReadonlyMap<Locator, Answer<readonly Locator[]>>;
  readonly savedMemory: MemoryFacts;
  /** Whether the guest is to go on from the snapshot's memory. */
  readonly fromMemory: boolean;
}

/** What a revert does. */
export interface RevertDecision {
  readonly disks: readonly AssignedRevert[];
  /** The definition that the domain has afterwards. */
  readonly definition: DefinitionEdit;
  /**
   * Records that change: the snapshot's, which gets its new overlays, and that of the one that was
   * current, which gives up its revert overlays.
   */
  readonly updatedRecords: readonly DomainSnapshot[];
  /** Overlays of the state that is left; nothing refers to them any more. */
  readonly leftOverlays: readonly Assigned<ImageRef>[];
  /** What the guest goes on from, with the definition that was live when it was saved. */
  readonly memory?: { readonly from: StartMemory; readonly definition: DefinitionEdit };
}

/**
 * Decides how a snapshot's state is put back. Disk by disk: a copy and an internal snapshot write
 * into the image itself, so nothing may stand on it; a frozen image gets a fresh overlay and stays
 * as it is.
 *
 * Throws `path-untrusted` for files that are nowhere near the domain's own, `image-in-use` with the
 * overlays that stand in the way, `image-missing` when the memory is gone, `memory-foreign` when
 * something else has its name, `config-unsupported` where an overlay has no place, and the reason where an image could
 * not be looked at.
 */
export function decideRevert(gathered: RevertDecisionFacts): RevertDecision {
  const facts = leavingPresent(gathered);
  const { records } = facts;
  const disks = revertDisks(facts);
  const overlays = disks.flatMap(overlayDisk);
  const definition = withDisks(recordedDefinition(facts), overlays, facts);
  const current = records.find(({ name }) => name === facts.current);
  const left = leftOverlays(current, definition, facts);
  assertAllTrusted(disks, definition, facts);
  return {
    disks,
    definition,
    updatedRecords: updatedRecords(overlays, current, left, facts),
    leftOverlays: left,
    ...(facts.fromMemory
      ? {
          memory: {
            definition: withDisks(liveDefinition(facts), overlays, facts),
            from: startMemory(facts.snapshot, facts.savedMemory),
          },
        }
      : {}),
  };
}

/** A revert leaves the present state of the disks that it covers: that may be damaged, or gone. */
function leavingPresent(facts: RevertDecisionFacts): RevertDecisionFacts {
  const { domain, images } = facts;
  const needs = images.needs.leaving((need) => isOf(need, domain) && isLeft(need, true, facts));
  return { ...facts, images: { ...images, needs } };
}

/** Throws `path-untrusted`. What the domain opens already it may go on to open. */
function assertAllTrusted(
  disks: readonly AssignedRevert[],
  definition: DefinitionEdit,
  { domain, snapshot, fromMemory, images: { needs, trust } }: RevertDecisionFacts,
): void {
  for (const step of disks) {
    trust.assert(step.image.path, step.keeps === "overlay" ? "read by the guest" : "written to");
    if (step.keeps === "copy") trust.assert(step.copy.path, "read by the guest");
  }
  const file =
    fromMemory && snapshot.memory?.mode === "external" ? snapshot.memory.file : undefined;
  if (file !== undefined) trust.assert(file, "given to the hypervisor");
  const fresh = disks.flatMap((step) => (step.keeps === "overlay" ? step.overlay.path : []));
  const present = [...imagesOf(domain.definition), ...imagesOf(domain.inactiveDefinition)];
  for (const path of locatorsAfter(definition)) {
    const isKnown = [...fresh, ...present.map((image) => image.path)].some((one) =>
      needs.isSame(one, path),
    );
    if (!isKnown) trust.assert(path, "given to the guest");
  }
}

function revertDisks(facts: RevertDecisionFacts): AssignedRevert[] {
  const taken = new Set<Locator>();
  return facts.disks.flatMap(({ disk, backend }): AssignedRevert[] => {
    const target = disk.name;
    const image = imageOf(facts.snapshot.domain, target);
    if (!image) return [];
    const step = { backend: backend.id, target, image };
    if (disk.mode === "external" && backend.externalKind === "overlay") {
      const overlay =
        replaceableOverlay(target, image, backend, facts) ??
        freshOverlay(image, backend, taken, facts);
      return [{ ...step, keeps: "overlay", overlay }];
    }
    const copy = fileOfDiskSnapshot(disk);
    assertRewritable(image, target, copy !== undefined, facts);
    return [copy ? { ...step, keeps: "copy", copy } : { ...step, keeps: "inside" }];
  });
}

/** The first free name; the disks of one snapshot take care not to take the same. */
function freshOverlay(
  frozen: ImageRef,
  { defaultFormat }: KeeperProfile,
  taken: Set<Locator>,
  { overlayNames }: RevertDecisionFacts,
): ImageRef {
  if (frozen.type !== "file")
    throw new DomsnapError(
      "config-unsupported",
      `cannot generate an overlay name beside '${frozen.path}': it is not a regular file`,
      { hint: "Use an image file, or a copy (driver type 'raw') for block devices." },
    );
  const names = valueOf(overlayNames.get(frozen.path), frozen.path);
  const path = names.find((name) => !taken.has(name));
  if (path === undefined)
    throw new DomsnapError("internal-error", `too few overlay names beside '${frozen.path}'`);
  taken.add(path);
  return { path, type: "file", format: defaultFormat };
}

/**
 * The present image, where the backend keeps paths and nothing but the domain needs it: the new
 * overlay replaces it.
 */
function replaceableOverlay(
  target: string,
  frozen: ImageRef,
  backend: KeeperProfile,
  { domain, images }: RevertDecisionFacts,
): ImageRef | undefined {
  const present = imageOf(domain.definition, target);
  if (backend.keepsPaths !== true || present?.type !== "file") return undefined;
  if (present.path === frozen.path) return undefined;
  // Whoever names it in a record only finds the new overlay there, and goes on as before.
  const isGivenUp = (need: Need) =>
    need.use === "named" || (need.use === "present" && isOf(need, domain));
  if (!images.needs.isUnneeded(present.path, isGivenUp)) return undefined;
  return { ...present, format: backend.defaultFormat };
}

/** A new overlay, as a disk of the snapshot's record. */
function overlayDisk(step: AssignedRevert): DiskSnapshot[] {
  if (step.keeps !== "overlay") return [];
  const { path, type, format } = step.overlay;
  const { target: name, backend } = step;
  return [{ name, mode: "external", type, format, source: { path }, backend }];
}

/**
 * Throws `image-in-use` unless nobody but the state that is left needs the content of an image.
 * `replaced`: its file goes, with all that is inside of it.
 */
function assertRewritable(
  image: ImageRef,
  target: string,
  replaced: boolean,
  facts: RevertDecisionFacts,
): void {
  const { needs } = facts.images;
  const overlays = needs.standingOn(image.path);
  if (overlays.length > 0)
    throw new DomsnapError(
      "image-in-use",
      `reverting disk '${target}' would change image '${image.path}' below ${overlays.join(", ")}`,
      { hint: hintFor(overlays, facts) },
    );
  const need = needs.needsOf(image.path).find((one) => !isLeft(one, replaced, facts));
  if (!need) return;
  throw new DomsnapError(
    "image-in-use",
    `reverting disk '${target}' would change image '${image.path}': ${tellNeed(need)}`,
    { hint: releaseOf(need, facts.domain) },
  );
}

/** Whether a need ends with the state that is left, or does not mind another content. */
function isLeft(need: Need, replaced: boolean, { domain, snapshot }: RevertDecisionFacts): boolean {
  if (need.use === "named") return true;
  if (need.use === "inside") return !replaced;
  if (need.use !== "present" || !isOf(need, domain)) return false;
  // A disk that the snapshot does not cover goes on with the image that it has now.
  return !snapshot.disks.some((disk) => disk.name === need.target && !isTaken(disk));
}

function hintFor(overlays: readonly Locator[], { images, domain }: RevertDecisionFacts): string {
  const [need] = overlays.flatMap((path) => images.needs.knownNeedsOf(path));
  if (need && !isOf(need, domain)) return releaseOf(need, domain);
  return "Delete the later external snapshots first: that merges their overlays.";
}

/**
 * Overlays of the state that is left: the images in use that were made for the current snapshot
 * and that no definition, recorded or new, opens any more.
 */
function leftOverlays(
  current: DomainSnapshot | undefined,
  definition: DefinitionEdit,
  { domain, images: { needs, trust }, backends }: RevertDecisionFacts,
): Assigned<ImageRef>[] {
  const goesOn = locatorsAfter(definition);
  const isGivenUp = (need: Need) => need.use === "present" && isOf(need, domain);
  const present = imagesOf(domain.definition).map(({ path }) => path);
  return (current ? [...(current.revertDisks ?? []), ...current.disks] : []).flatMap((disk) => {
    const file = fileOfDiskSnapshot(disk);
    const backend = overlayBackend(backends, current, disk);
    if (!file || backend === undefined || disk.reused === true || !trust.has(file.path)) return [];
    const isIn = (places: readonly Locator[]) =>
      places.some((place) => needs.isSame(place, file.path));
    if (!isIn(present) || isIn(goesOn) || !needs.isFree(file.path, isGivenUp)) return [];
    return [{ ...file, backend }];
  });
}

function overlayBackend(
  backends: BackendRegistry<KeeperProfile>,
  current: DomainSnapshot | undefined,
  disk: DiskSnapshot,
): BackendId | undefined {
  const backend = backends.keeperOf(findDisk(current?.domain, disk.name), disk);
  return backend?.externalKind === "overlay" ? backend.id : undefined;
}

/**
 * libvirt 9.9's bookkeeping: the overlays of a revert become the snapshot's own disks, or its
 * `revertDisks` as long as its children stand on the earlier ones. The snapshot that was current
 * gives up its revert overlays.
 */
function updatedRecords(
  overlays: readonly DiskSnapshot[],
  current: DomainSnapshot | undefined,
  left: readonly ImageRef[],
  { snapshot, tree, records, images: { needs }, backends }: RevertDecisionFacts,
): DomainSnapshot[] {
  const hasChildren = childrenOf(tree, snapshot.name).length > 0;
  const reverted = hasChildren
    ? { ...snapshot, revertDisks: overlays }
    : { ...snapshot, disks: replaceDisks(snapshot.disks, overlays) };
  const previous =
    current?.revertDisks && current.name !== snapshot.name && withoutRevertDisks(current);
  const before = [snapshot, ...(previous ? [current] : [])];
  const after = [
    ...(overlays.length > 0 ? [reverted] : [snapshot]),
    ...(previous ? [previous] : []),
  ];
  const removed = left.map(({ path }) => path);
  return keepListed({ before, after, removed, needs, backends }).filter(
    (record) => !records.includes(record) && record !== snapshot,
  );
}
