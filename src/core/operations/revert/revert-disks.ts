import { DomsnapError } from "../../errors/index.js";
import type {
  DiskSnapshot,
  Domain,
  DomainDefinition,
  DomainSnapshot,
  ImageFormat,
  ImageRef,
} from "../../model/index.js";
import { fileOfDiskSnapshot, imageOf } from "../../plan/disk-images.js";
import { definitionsOf, knownImages, pathsOfDefinitions } from "../../plan/image-references.js";
import type { BackendId } from "../../model/operation.js";
import type { AssignedRevert } from "../../plan/plan-revert.js";
import type { DiskBackend, DiskRelocation, FileProbe } from "../../ports/index.js";
import { externalFileName } from "../../rules/external-file-name.js";
import type { AssignedDisk } from "../shared/choose-backend.js";

export interface RevertDiskFacts {
  readonly domain: Domain;
  readonly snapshot: DomainSnapshot;
  /** All records of the domain, the reverted one included. */
  readonly records: readonly DomainSnapshot[];
  readonly foreignPaths: ReadonlySet<string>;
  readonly probe: FileProbe;
  readonly nowSeconds: bigint;
}

/** What a revert does with disks. */
export interface DiskRevert {
  readonly steps: AssignedRevert[];
  /** New overlays, as disks of the snapshot's record. */
  readonly overlays: DiskSnapshot[];
}

/**
 * Decides, disk by disk, how a snapshot's state is put back. A copy and an internal snapshot write
 * into the image itself, so nothing may back on it; a frozen image gets a fresh overlay and stays
 * as it is. Throws `image-in-use` with the overlays that stand in the way.
 */
export async function decideRevert(
  disks: readonly AssignedDisk[],
  facts: RevertDiskFacts,
): Promise<DiskRevert> {
  const revert: DiskRevert = { steps: [], overlays: [] };
  const taken = new Set<string>();
  for (const { disk, backend } of disks) {
    const target = disk.name;
    const image = imageOf(facts.snapshot.domain, target);
    if (!image) continue;
    if (disk.mode === "external" && backend.externalKind === "overlay") {
      const overlay =
        (await replaceableOverlay(target, image, backend, facts)) ??
        freshOverlay(image, backend.defaultFormat, taken, facts);
      revert.steps.push({ backend: backend.id, keeps: "overlay", target, image, overlay });
      revert.overlays.push(overlayDisk(target, overlay, backend.id));
    } else {
      await assertNothingBacksOn(image, { disk, backend }, facts);
      const copy = fileOfDiskSnapshot(disk);
      const step = { backend: backend.id, target, image };
      revert.steps.push(copy ? { ...step, keeps: "copy", copy } : { ...step, keeps: "inside" });
    }
  }
  return revert;
}

/** libvirt names the overlays of a revert by its time; a second revert in one second counts on. */
function freshOverlay(
  frozen: ImageRef,
  format: ImageFormat,
  taken: Set<string>,
  facts: RevertDiskFacts,
): ImageRef {
  if (frozen.type !== "file")
    throw new DomsnapError(
      "config-unsupported",
      `cannot generate an overlay name beside '${frozen.path}': it is not a regular file`,
      { hint: "use an image file, or a copy (driver type 'raw') for block devices" },
    );
  let seconds = facts.nowSeconds;
  let path = externalFileName(frozen.path, String(seconds));
  while (taken.has(path) || facts.probe(path).kind !== "absent") {
    seconds += 1n;
    path = externalFileName(frozen.path, String(seconds));
  }
  taken.add(path);
  return { path, type: "file", format };
}

/**
 * The present image, where the backend keeps paths and nothing but the domain needs it: the new
 * overlay replaces it.
 */
async function replaceableOverlay(
  target: string,
  frozen: ImageRef,
  backend: DiskBackend,
  { domain, records, foreignPaths }: RevertDiskFacts,
): Promise<ImageRef | undefined> {
  const present = imageOf(domain.definition, target);
  if (backend.keepsPaths !== true || present?.type !== "file") return undefined;
  const isFrozen = records.some(
    (record) =>
      imageOf(record.domain, target)?.path === present.path &&
      record.disks.some((disk) => disk.name === target && disk.mode === "external"),
  );
  if (isFrozen || present.path === frozen.path || foreignPaths.has(present.path)) return undefined;
  const known = knownImages(records, [domain.definition, domain.inactiveDefinition]);
  const dependents = await backend.findDependents(present, [...known.keys(), ...foreignPaths]);
  return dependents.length > 0 ? undefined : { ...present, format: backend.defaultFormat };
}

function overlayDisk(
  name: string,
  { path, type, format }: ImageRef,
  backend: BackendId,
): DiskSnapshot {
  return { name, mode: "external", type, format, source: { path }, backend };
}

async function assertNothingBacksOn(
  image: ImageRef,
  { disk, backend }: Pick<AssignedDisk, "disk" | "backend">,
  { domain, records, foreignPaths }: RevertDiskFacts,
): Promise<void> {
  if (foreignPaths.has(image.path))
    throw new DomsnapError("image-in-use", `another domain uses image '${image.path}'`, {
      hint: "give that domain an image of its own first",
    });
  const known = knownImages(records, [domain.definition, domain.inactiveDefinition]);
  const overlays = await backend.findDependents(image, [...known.keys(), ...foreignPaths]);
  if (overlays.length === 0) return;
  throw new DomsnapError(
    "image-in-use",
    `reverting disk '${disk.name}' would change image '${image.path}' below ${overlays.join(", ")}`,
    { hint: "delete the later external snapshots first: that merges their overlays" },
  );
}

/**
 * Where the disks of the definition point after the revert: new overlays for frozen images; disks
 * that the snapshot does not cover stay on the image they use now, so that nothing written to them
 * is dropped.
 */
export function relocationsOf(
  base: DomainDefinition,
  domain: Domain,
  snapshot: DomainSnapshot,
  overlays: readonly DiskSnapshot[],
): DiskRelocation[] {
  const relocations: DiskRelocation[] = overlays.flatMap(({ name, type, source, format }) =>
    source && format ? [{ target: name, type, source, format }] : [],
  );
  for (const { name, mode } of snapshot.disks) {
    if (mode === "internal" || mode === "external") continue;
    const recorded = imageOf(base, name);
    const present = imageOf(domain.definition, name);
    if (!recorded || !present) continue;
    if (recorded.path !== present.path || recorded.format !== present.format)
      relocations.push({
        target: name,
        type: present.type,
        source: { path: present.path },
        format: present.format,
      });
  }
  return relocations;
}

/**
 * Overlays of the state that is left: the images in use that were made for the current snapshot
 * and that no definition, recorded or new, opens any more.
 */
export function leftOverlays(
  current: DomainSnapshot | undefined,
  definition: DomainDefinition,
  overlayBackendOf: (disk: DiskSnapshot) => BackendId | undefined,
  { domain, records, foreignPaths }: RevertDiskFacts,
): (ImageRef & { readonly backend: BackendId })[] {
  const needed = pathsOfDefinitions([definition, ...records.flatMap(definitionsOf)]);
  return [...(current?.revertDisks ?? []), ...(current?.disks ?? [])].flatMap((disk) => {
    const file = fileOfDiskSnapshot(disk);
    const backend = overlayBackendOf(disk);
    if (!file || backend === undefined) return [];
    const inUse = imageOf(domain.definition, disk.name)?.path === file.path;
    const free = !needed.has(file.path) && !foreignPaths.has(file.path);
    return inUse && free ? [{ ...file, backend }] : [];
  });
}
