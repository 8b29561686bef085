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
import { fileOfDiskSnapshot, findDisk, imageOf } from "./disk-images.js";
import { locatorsAfter, type DefinitionEdit } from "./document-edits.js";
import { dependentsOf, valueOf, type Answer, type Locator, type Places } from "./image-facts.js";
import { definitionsOf, pathsOfDefinitions } from "./image-references.js";
import type { KeeperProfile } from "./kept-disk.js";
import type { AssignedRevert } from "./plan-revert.js";
import { replaceDisks, withoutRevertDisks } from "./record-disks.js";
import type { RecordedFacts } from "./recorded-facts.js";
import { liveDefinition, recordedDefinition, withDisks } from "./reverted-definition.js";
import { startMemory } from "./saved-memory.js";

export interface RevertDecisionFacts extends RecordedFacts {
  /** All records of the domain, the reverted one included. */
  readonly records: readonly DomainSnapshot[];
  /** Name of the current snapshot. */
  readonly current: string | undefined;
  /** By frozen image: names that are free for an overlay, the preferred one first. */
  readonly overlayNames: ReadonlyMap<Locator, Answer<readonly Locator[]>>;
  /** What stands at the file of the snapshot's memory. */
  readonly places: Places;
  /** Whether the guest is to go on from the snapshot's memory. */
  readonly fromMemory: boolean;
}

/** What a revert does. */
export interface RevertDecision {
  readonly disks: readonly AssignedRevert[];
  /** The definition that the domain has afterwards. */
  readonly definition: DefinitionEdit;
  /** The record with its new overlays, when there are any. */
  readonly updatedSnapshot?: DomainSnapshot;
  /** The snapshot that was current, without the revert overlays that are left behind. */
  readonly updatedPrevious?: DomainSnapshot;
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
 * Throws `image-in-use` with the overlays that stand in the way, `image-missing` when the memory
 * is gone, `config-unsupported` where an overlay has no place, and the reason where an image could
 * not be looked at.
 */
export function decideRevert(facts: RevertDecisionFacts): RevertDecision {
  const { snapshot, records } = facts;
  const disks = revertDisks(facts);
  const overlays = disks.flatMap(overlayDisk);
  const definition = withDisks(recordedDefinition(facts), overlays, facts);
  const current = records.find(({ name }) => name === facts.current);
  return {
    disks,
    definition,
    ...recordUpdates(overlays, current, facts),
    leftOverlays: leftOverlays(current, definition, facts),
    ...(facts.fromMemory
      ? {
          memory: {
            definition: withDisks(liveDefinition(facts), overlays, facts),
            from: startMemory(snapshot, facts.places),
          },
        }
      : {}),
  };
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
    assertNothingStandsOn(image, target, facts);
    const copy = fileOfDiskSnapshot(disk);
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
      { hint: "use an image file, or a copy (driver type 'raw') for block devices" },
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
  { domain, records, images }: RevertDecisionFacts,
): ImageRef | undefined {
  const present = imageOf(domain.definition, target);
  if (backend.keepsPaths !== true || present?.type !== "file") return undefined;
  const isFrozen = records.some(
    (record) =>
      imageOf(record.domain, target)?.path === present.path &&
      record.disks.some((disk) => disk.name === target && disk.mode === "external"),
  );
  if (isFrozen || present.path === frozen.path || images.foreign.has(present.path))
    return undefined;
  if (dependentsOf(images, present).length > 0) return undefined;
  return { ...present, format: backend.defaultFormat };
}

/** A new overlay, as a disk of the snapshot's record. */
function overlayDisk(step: AssignedRevert): DiskSnapshot[] {
  if (step.keeps !== "overlay") return [];
  const { path, type, format } = step.overlay;
  const { target: name, backend } = step;
  return [{ name, mode: "external", type, format, source: { path }, backend }];
}

function assertNothingStandsOn(
  image: ImageRef,
  target: string,
  { images }: RevertDecisionFacts,
): void {
  if (images.foreign.has(image.path))
    throw new DomsnapError("image-in-use", `another domain uses image '${image.path}'`, {
      hint: "give that domain an image of its own first",
    });
  const overlays = dependentsOf(images, image);
  if (overlays.length === 0) return;
  throw new DomsnapError(
    "image-in-use",
    `reverting disk '${target}' would change image '${image.path}' below ${overlays.join(", ")}`,
    { hint: "delete the later external snapshots first: that merges their overlays" },
  );
}

/**
 * Overlays of the state that is left: the images in use that were made for the current snapshot
 * and that no definition, recorded or new, opens any more.
 */
function leftOverlays(
  current: DomainSnapshot | undefined,
  definition: DefinitionEdit,
  { domain, records, images, backends }: RevertDecisionFacts,
): Assigned<ImageRef>[] {
  const recorded = pathsOfDefinitions(records.flatMap(definitionsOf));
  const needed = new Set([...recorded, ...locatorsAfter(definition), ...images.foreign]);
  return [...(current?.revertDisks ?? []), ...(current?.disks ?? [])].flatMap((disk) => {
    const file = fileOfDiskSnapshot(disk);
    const backend = overlayBackend(backends, current, disk);
    if (!file || backend === undefined) return [];
    const inUse = imageOf(domain.definition, disk.name)?.path === file.path;
    return inUse && !needed.has(file.path) ? [{ ...file, backend }] : [];
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
function recordUpdates(
  overlays: readonly DiskSnapshot[],
  current: DomainSnapshot | undefined,
  { snapshot, tree }: RevertDecisionFacts,
): Pick<RevertDecision, "updatedSnapshot" | "updatedPrevious"> {
  const hasChildren = childrenOf(tree, snapshot.name).length > 0;
  const updatedSnapshot = hasChildren
    ? { ...snapshot, revertDisks: overlays }
    : { ...snapshot, disks: replaceDisks(snapshot.disks, overlays) };
  const leaves = current && current.name !== snapshot.name && current.revertDisks;
  return {
    ...(overlays.length > 0 ? { updatedSnapshot } : {}),
    ...(leaves ? { updatedPrevious: withoutRevertDisks(current) } : {}),
  };
}
