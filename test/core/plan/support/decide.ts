import {
  buildSnapshotTree,
  isActive,
  oldestFirst,
  tagOf,
  type DiskSnapshot,
  type DomainSnapshot,
  type Plan,
} from "../../../../src/core/model/index.js";
import { domsnapRules } from "../../../../src/core/model/driver-rules.js";
import {
  writeDefinition,
  writeRecord,
} from "../../../../src/core/operations/shared/write-documents.js";
import { decideCreate, placesToMake } from "../../../../src/core/plan/decide-create.js";
import { decideRemoval } from "../../../../src/core/plan/decide-removal.js";
import { decideRevert } from "../../../../src/core/plan/decide-revert.js";
import { findDisk, imageOf, isTaken } from "../../../../src/core/plan/disk-images.js";
import type { KeptDisk } from "../../../../src/core/plan/kept-disk.js";
import { planCreate } from "../../../../src/core/plan/plan-create.js";
import { planDelete, planSweep } from "../../../../src/core/plan/plan-delete.js";
import { planRevert } from "../../../../src/core/plan/plan-revert.js";
import { deleteEffect, prepareCreate } from "../../../../src/core/rules/index.js";
import { libvirtDocuments } from "../../../../src/xml/index.js";
import { BACKENDS } from "./backends.js";
import type { World } from "./simulate-plan.js";
import { domainOf, openImages, overlayNames, probeOf, survey } from "./survey.js";

/** What decides; a test that plants a fault puts another one in. */
export interface Decisions {
  readonly create: typeof decideCreate;
  readonly revert: typeof decideRevert;
  readonly remove: typeof decideRemoval;
}

export const DECISIONS: Decisions = {
  create: decideCreate,
  revert: decideRevert,
  remove: decideRemoval,
};

/** One domain's world, with what the rest of the host tells. */
export interface Situation {
  readonly world: World;
  /** Images that other domains open. */
  readonly foreign: ReadonlySet<string>;
  readonly nowSeconds: number;
}

/** From a request to its plan, as the use case goes. Throws what the rules and decisions refuse. */
export function planOfCreate(
  { create }: Decisions,
  { world, foreign, nowSeconds }: Situation,
  name: string,
  wishes: readonly DiskSnapshot[],
): Plan {
  const domain = domainOf(world);
  const { byName } = treeOf(world);
  const parsed = { name, creationTime: 0n, disks: wishes };
  const flags = isActive(domain) ? { diskOnly: true } : {};
  const probe = probeOf(world);
  const prepared = prepareCreate({
    ...{ parsed, flags, domain, rules: domsnapRules, existingNames: byName, probe },
    currentParent: world.current,
    nowSeconds: BigInt(nowSeconds),
  });
  const snapshot = { ...prepared, disks: prepared.disks.map((disk) => withKeeper(disk, world)) };
  const { disks, record, definition, live } = create({
    ...{ domain, snapshot, parsed, flags },
    disks: keptDisks(snapshot),
    places: new Map(placesToMake(snapshot).map((place) => [place, probe(place)])),
    images: survey(world, foreign),
    ...(isActive(domain) ? { guest: { uri: "model:///", hasGuestAgent: false } } : {}),
  });
  const previousCurrent = world.records.get(world.current ?? "");
  return planCreate({
    ...{ domain, disks, record: true, halt: false, warnings: [] },
    snapshot: writeRecord(libvirtDocuments, record),
    ...(live ? { live } : {}),
    ...(definition ? { definition: writeDefinition(libvirtDocuments, definition) } : {}),
    ...(previousCurrent ? { previousCurrent } : {}),
  });
}

export function planOfRevert(
  { revert }: Decisions,
  { world, foreign, nowSeconds }: Situation,
  snapshot: DomainSnapshot,
): Plan {
  const domain = domainOf(world);
  const disks = keptDisks(snapshot);
  const frozen = disks.flatMap(({ disk }) => imageOf(snapshot.domain, disk.name) ?? []);
  const {
    definition,
    memory: _none,
    ...decision
  } = revert({
    ...{ domain, snapshot, disks, backends: BACKENDS, fromMemory: false },
    records: [...world.records.values()],
    tree: treeOf(world),
    current: world.current,
    images: survey(world, foreign),
    overlayNames: overlayNames(world, frozen, nowSeconds),
    savedMemory: { looks: new Map() },
  });
  return planRevert({
    ...{ domain, snapshot, start: "off", stop: isActive(domain), warnings: [] },
    ...decision,
    definition: writeDefinition(libvirtDocuments, definition),
  });
}

export function planOfDelete(
  { remove }: Decisions,
  { world, foreign }: Situation,
  snapshot: DomainSnapshot,
): Plan[] {
  const domain = domainOf(world);
  const { name } = snapshot;
  const tree = treeOf(world);
  const effect = deleteEffect({
    ...{ name, flags: {}, tree, current: world.current, rules: domsnapRules },
  });
  const open = openImages(world);
  const { records, definition, garbage, swept, ...removal } = remove({
    ...{ domain, snapshot, tree, effect, backends: BACKENDS },
    disks: keptDisks(snapshot),
    others: [...world.records.values()].filter((record) => record !== snapshot),
    images: survey(world, foreign),
    savedMemory: new Map(),
    ...(open ? { openImages: open } : {}),
  });
  const sweep = planSweep({ domain, snapshot: name, garbage, swept });
  const plan = planDelete({
    ...{ domain, snapshot: name, tag: tagOf(snapshot), ...removal },
    updatedRecords: records.map((record) => writeRecord(libvirtDocuments, record)),
    current: world.current === name ? { name: effect.current } : "keep",
    ...(definition ? { definition: writeDefinition(libvirtDocuments, definition) } : {}),
    ...(open ? { openImages: open } : {}),
  });
  return [...(sweep ? [sweep] : []), plan];
}

function treeOf({ records }: World) {
  return buildSnapshotTree([...records.values()].sort(oldestFirst));
}

function withKeeper(disk: DiskSnapshot, world: World): DiskSnapshot {
  const domainDisk = findDisk(domainOf(world).definition, disk.name);
  const backend = domainDisk && BACKENDS.choose(domainDisk, disk);
  return isTaken(disk) && backend ? { ...disk, backend: backend.id } : disk;
}

function keptDisks({ domain, disks }: DomainSnapshot): KeptDisk[] {
  return disks.filter(isTaken).flatMap((disk): KeptDisk[] => {
    const domainDisk = findDisk(domain, disk.name);
    const backend = BACKENDS.keeperOf(domainDisk, disk);
    return domainDisk && backend ? [{ disk, domainDisk, backend }] : [];
  });
}
