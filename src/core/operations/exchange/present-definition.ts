import { DomsnapError } from "../../errors/index.js";
import type { DomainDefinition, DomainSnapshot } from "../../model/index.js";
import { fileOfDiskSnapshot, findDisk, imageOf, imageOfDisk } from "../../plan/disk-images.js";
import type { DiskRelocation, ImportItem } from "../../ports/index.js";
import type { ServiceContext } from "../shared/context.js";

/** A definition that was made out of a snapshot, which has to be said. */
export interface PresentDefinition {
  readonly definition: DomainDefinition;
  readonly snapshotName: string;
}

/**
 * The definition that a domain has now, as far as its snapshots tell: that of the current one, else
 * of the newest. A snapshot holds the definition from before it was taken; where it has frozen an
 * image the domain went on in the overlay, and must never write to the image again. Undefined when
 * no snapshot holds a definition. Throws `invalid-argument` when what is found is an image that
 * another snapshot has frozen: the domain would destroy the overlay on it.
 */
export function presentDefinition(
  context: Pick<ServiceContext, "backends" | "documents">,
  items: readonly ImportItem[],
): PresentDefinition | undefined {
  const newest = newestOf(items);
  const before = newest?.inactiveDomain ?? newest?.domain;
  if (!newest || !before) return undefined;
  const relocations = overlaysOf(context, newest, before);
  const definition =
    relocations.length > 0 ? context.documents.relocateDisks(before, relocations) : before;
  assertNotFrozen(context, definition, items);
  return { snapshotName: newest.name, definition };
}

/** Of those of one second, one that is no parent of another. */
function newestOf(items: readonly ImportItem[]): DomainSnapshot | undefined {
  const current = items.find((item) => item.current);
  if (current) return current.snapshot;
  const byName = new Map(items.map(({ snapshot }) => [snapshot.name, snapshot]));
  let newest: DomainSnapshot | undefined;
  for (const { snapshot } of items)
    if (!newest || snapshot.creationTime > newest.creationTime) newest = snapshot;
  const rivals = [...byName.values()].filter(
    ({ creationTime }) => creationTime === newest?.creationTime,
  );
  const parents = new Set(rivals.map(({ parent }) => parent));
  return rivals.find(({ name }) => !parents.has(name)) ?? newest;
}

function assertNotFrozen(
  context: Pick<ServiceContext, "backends">,
  { disks }: DomainDefinition,
  items: readonly ImportItem[],
): void {
  const present = new Set(disks.map((disk) => imageOfDisk(disk)?.path));
  for (const { snapshot } of items)
    for (const { target, source } of overlaysOf(context, snapshot, snapshot.domain)) {
      const frozen = imageOf(snapshot.domain, target)?.path;
      if (frozen === undefined || frozen === source.path || !present.has(frozen)) continue;
      throw new DomsnapError(
        "invalid-argument",
        `the source does not tell whether the domain goes on with '${frozen}' or with ` +
          `'${source.path ?? ""}', which snapshot '${snapshot.name}' has put on it`,
        { hint: "Define the domain as it is now, and import without --define." },
      );
    }
}

function overlaysOf(
  { backends }: Pick<ServiceContext, "backends">,
  { disks }: DomainSnapshot,
  definition: DomainDefinition | undefined,
): DiskRelocation[] {
  return disks.flatMap((disk) => {
    const file = fileOfDiskSnapshot(disk);
    const domainDisk = findDisk(definition, disk.name);
    if (!file || !domainDisk) return [];
    // What no backend of ours claims is libvirt's, which only makes overlays.
    if (backends.keeperOf(domainDisk, disk)?.externalKind === "copy") return [];
    const { path, type, format } = file;
    return [{ target: domainDisk.target, type, source: { path }, format }];
  });
}
