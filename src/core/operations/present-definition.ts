import type { DomainDefinition, DomainSnapshot } from "../model/index.js";
import { fileOfDiskSnapshot, findDisk } from "../plan/disk-images.js";
import type { DiskRelocation, ImportItem } from "../ports/index.js";
import { selectBackend } from "./choose-backend.js";
import type { ServiceContext } from "./context.js";

/** A definition that was made out of a snapshot, which has to be said. */
export interface PresentDefinition {
  readonly definition: DomainDefinition;
  readonly snapshotName: string;
}

/**
 * The definition that a domain has now, as far as its snapshots tell: that of the current one, else
 * of the newest. A snapshot holds the definition from before it was taken; where it has frozen an
 * image the domain went on in the overlay, and must never write to the image again. Undefined when
 * no snapshot holds a definition.
 */
export function presentDefinition(
  context: Pick<ServiceContext, "backends" | "documents">,
  items: readonly ImportItem[],
): PresentDefinition | undefined {
  const [newest] = [...items].sort((a, b) =>
    a.current !== b.current
      ? Number(b.current ?? false) - Number(a.current ?? false)
      : Number(b.snapshot.creationTime - a.snapshot.creationTime),
  );
  const before = newest?.snapshot.inactiveDomain ?? newest?.snapshot.domain;
  if (!newest || !before) return undefined;
  const { snapshot } = newest;
  const relocations = overlaysOf(context, snapshot, before);
  return {
    snapshotName: snapshot.name,
    definition:
      relocations.length > 0 ? context.documents.relocateDisks(before, relocations) : before,
  };
}

function overlaysOf(
  { backends }: Pick<ServiceContext, "backends">,
  { disks }: DomainSnapshot,
  definition: DomainDefinition,
): DiskRelocation[] {
  return disks.flatMap((disk) => {
    const file = fileOfDiskSnapshot(disk);
    const domainDisk = findDisk(definition, disk.name);
    if (!file || !domainDisk) return [];
    // What no backend of ours claims is libvirt's, which only makes overlays.
    if (selectBackend(backends, domainDisk, disk)?.externalKind === "copy") return [];
    const { path, type, format } = file;
    return [{ target: domainDisk.target, type, source: { path }, format }];
  });
}
