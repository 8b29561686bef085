import type { DiskSnapshot, DomainDefinition, DomainSnapshot } from "../../model/index.js";
import { imageOfDisk } from "../../plan/disk-images.js";
import type { DiskRelocation, SnapshotDocuments } from "../../ports/index.js";
import { mapPath, xenTargets, type ImportCandidate, type PathMapping } from "../../rules/index.js";

export interface Adaptations {
  readonly mappings: readonly PathMapping[];
  readonly toXen: boolean;
}

/**
 * Fits snapshots to this host: other paths, and Xen's names for disks. Snapshots that share a
 * definition share the adapted one, so that a definition is rewritten once and not per snapshot.
 */
export class ImportAdapter {
  readonly #definitions = new Map<DomainDefinition, DomainDefinition>();

  constructor(
    private readonly documents: SnapshotDocuments,
    private readonly wishes: Adaptations,
  ) {}

  adapt(candidate: ImportCandidate): ImportCandidate {
    const { mappings, toXen } = this.wishes;
    if (mappings.length === 0 && !toXen) return candidate;
    const before = candidate.snapshot;
    const targets = this.#targetsOf(before.domain);
    const snapshot = this.#adaptSnapshot(before, targets);
    const notes = toXen ? xenNotes(before, targets) : [];
    const moved = movedPaths(before, mappings);
    if (moved.length > 0) notes.push(`paths are mapped: ${moved.join(", ")}`);
    return { ...candidate, snapshot, notes: [...candidate.notes, ...notes] };
  }

  #adaptSnapshot(snapshot: DomainSnapshot, targets: ReadonlyMap<string, string>): DomainSnapshot {
    const { memory, domain, inactiveDomain, revertDisks } = snapshot;
    const disks = (list: readonly DiskSnapshot[]) =>
      list.map((disk) => this.#adaptDisk(disk, targets));
    return {
      ...snapshot,
      disks: disks(snapshot.disks),
      ...(revertDisks && { revertDisks: disks(revertDisks) }),
      ...(memory?.file !== undefined && {
        memory: { ...memory, file: mapPath(memory.file, this.wishes.mappings) },
      }),
      ...(domain && { domain: this.adaptDefinition(domain, targets) }),
      ...(inactiveDomain && { inactiveDomain: this.adaptDefinition(inactiveDomain, targets) }),
    };
  }

  #adaptDisk(disk: DiskSnapshot, targets: ReadonlyMap<string, string>): DiskSnapshot {
    const name = targets.get(disk.name) ?? disk.name;
    const path = disk.source?.path;
    if (path === undefined || !isLocal(disk)) return { ...disk, name };
    const mapped = mapPath(path, this.wishes.mappings);
    return mapped === path ? { ...disk, name } : { ...disk, name, source: { path: mapped } };
  }

  /** A definition by itself. */
  adaptDefinition(
    definition: DomainDefinition,
    targets = this.#targetsOf(definition),
  ): DomainDefinition {
    let adapted = this.#definitions.get(definition);
    if (!adapted) {
      const relocations = relocationsOf(definition, this.wishes.mappings);
      const moved =
        relocations.length > 0 ? this.documents.relocateDisks(definition, relocations) : definition;
      adapted = this.wishes.toXen ? this.documents.asXenDomain(moved, targets) : moved;
      this.#definitions.set(definition, adapted);
    }
    return adapted;
  }

  #targetsOf(definition: DomainDefinition | undefined): ReadonlyMap<string, string> {
    return this.wishes.toXen ? xenTargets(definition?.disks ?? []) : new Map();
  }
}

function relocationsOf(
  { disks }: DomainDefinition,
  mappings: readonly PathMapping[],
): DiskRelocation[] {
  return disks.flatMap((disk) => {
    const image = imageOfDisk(disk);
    const path = image && mapPath(image.path, mappings);
    if (!image || path === image.path || path === undefined) return [];
    return [{ target: disk.target, type: image.type, format: image.format, source: { path } }];
  });
}

function isLocal({ type }: Pick<DiskSnapshot, "type">): boolean {
  return type === "file" || type === "block";
}

function movedPaths(snapshot: DomainSnapshot, mappings: readonly PathMapping[]): string[] {
  const paths = [
    ...snapshot.disks.flatMap((disk) => (isLocal(disk) ? (disk.source?.path ?? []) : [])),
    ...(snapshot.domain?.disks ?? []).flatMap((disk) => imageOfDisk(disk)?.path ?? []),
    ...(snapshot.memory?.file === undefined ? [] : [snapshot.memory.file]),
  ];
  return [...new Set(paths)]
    .map((path) => [path, mapPath(path, mappings)] as const)
    .filter(([path, mapped]) => path !== mapped)
    .map(([path, mapped]) => `${path} -> ${mapped}`);
}

function xenNotes(snapshot: DomainSnapshot, targets: ReadonlyMap<string, string>): string[] {
  const renamed = [...targets].filter(([from, to]) => from !== to).map((pair) => pair.join(" -> "));
  const { memory } = snapshot;
  return [
    ...(renamed.length > 0 ? [`disks are named as Xen names them: ${renamed.join(", ")}`] : []),
    ...(memory && memory.mode !== "no"
      ? ["its memory was saved by QEMU, which Xen cannot restore: only its disks can be used"]
      : []),
  ];
}
