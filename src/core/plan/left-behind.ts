import type { DiskSnapshot, DomainSnapshot, ImageRef } from "../model/index.js";
import type { Locator } from "./answer.js";
import type { Assigned } from "./assigned.js";
import type { BackendRegistry } from "./backend-registry.js";
import { fileOfDiskSnapshot, findDisk } from "./disk-images.js";
import type { ImageNeeds } from "./image-needs.js";
import { listedDisks } from "./image-references.js";
import type { KeeperProfile } from "./kept-disk.js";

/** Records before and after a change, and the images that it removes. */
export interface ListedBefore {
  readonly before: readonly DomainSnapshot[];
  readonly after: readonly DomainSnapshot[];
  readonly removed: readonly Locator[];
  readonly needs: ImageNeeds;
  readonly backends: BackendRegistry<KeeperProfile>;
}

/**
 * The records after a change, such that no overlay of ours drops out of all of them while it is
 * there: nobody could tell later that it may go. A record that needs it lists it from then on, else
 * the one that has listed it, else any. What was removed is listed no more: whatever gets its name
 * is another's.
 */
export function keepListed(facts: ListedBefore): DomainSnapshot[] {
  const { before, after, removed, needs } = facts;
  const isIn = (places: readonly Locator[], path: Locator) =>
    places.some((one) => needs.isSame(one, path));
  const listed = after.flatMap(listedDisks).flatMap(pathOf);
  const left = new Map<string, DiskSnapshot[]>();
  for (const { name, disk, path } of before.flatMap((record) => overlaysOf(record, facts))) {
    if (isIn([...listed, ...removed], path) || needs.isAbsent(path)) continue;
    const heir = heirOf(path, name, after, needs);
    if (heir === undefined) continue;
    left.set(heir, [...(left.get(heir) ?? []), disk]);
    listed.push(path);
  }
  return after.map((record) => {
    const old = record.leftBehind ?? [];
    const stays = old.filter((disk) => !pathOf(disk).some((path) => isIn(removed, path)));
    const more = left.get(record.name) ?? [];
    if (stays.length === old.length && more.length === 0) return record;
    return withLeftBehind(record, [...stays, ...more]);
  });
}

/** Overlays that some records list, and that none of others has as a disk of its own. */
export function unlistedOverlays(
  before: readonly DomainSnapshot[],
  after: readonly DomainSnapshot[],
  facts: Pick<ListedBefore, "needs" | "backends">,
): Assigned<ImageRef>[] {
  const listed = after
    .flatMap(({ disks, revertDisks = [] }) => [...disks, ...revertDisks])
    .flatMap(pathOf);
  const found: Assigned<ImageRef>[] = [];
  for (const { disk, path } of before.flatMap((record) => overlaysOf(record, facts))) {
    const file = fileOfDiskSnapshot(disk);
    const isKnown = [...listed, ...found.map((one) => one.path)].some((one) =>
      facts.needs.isSame(one, path),
    );
    if (file && !isKnown) found.push({ ...file, backend: disk.backend ?? "" });
  }
  return found;
}

interface ListedOverlay {
  readonly name: string;
  readonly disk: DiskSnapshot;
  readonly path: Locator;
}

function overlaysOf(
  record: DomainSnapshot,
  { backends }: Pick<ListedBefore, "backends">,
): ListedOverlay[] {
  return listedDisks(record).flatMap((disk): ListedOverlay[] => {
    const [path] = pathOf(disk);
    if (path === undefined || disk.reused === true) return [];
    if (disk.backend !== undefined && !backends.find(disk.backend)) return [];
    const keeper = backends.keeperOf(findDisk(record.domain, disk.name), disk);
    if (keeper?.externalKind !== "overlay") return [];
    return [{ name: record.name, disk: { ...disk, backend: keeper.id }, path }];
  });
}

function heirOf(
  path: Locator,
  lister: string,
  after: readonly DomainSnapshot[],
  needs: ImageNeeds,
): string | undefined {
  const names = new Set(after.map(({ name }) => name));
  const needer = needs.knownNeedsOf(path).find(({ holder }) => names.has(holder.snapshot ?? ""));
  if (needer) return needer.holder.snapshot;
  return names.has(lister) ? lister : after[0]?.name;
}

function pathOf(disk: DiskSnapshot): Locator[] {
  const file = fileOfDiskSnapshot(disk);
  return file ? [file.path] : [];
}

function withLeftBehind(
  { leftBehind: _old, ...record }: DomainSnapshot,
  leftBehind: readonly DiskSnapshot[],
): DomainSnapshot {
  return leftBehind.length === 0 ? record : { ...record, leftBehind };
}
