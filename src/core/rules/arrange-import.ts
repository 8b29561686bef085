import {
  buildSnapshotTree,
  childrenOf,
  type DomainSnapshot,
  type SnapshotHead,
} from "../model/index.js";

/** A snapshot that is to be recorded, and what happened to it on the way. */
export interface ImportCandidate {
  readonly origin: string;
  readonly snapshot: DomainSnapshot;
  readonly current: boolean;
  readonly notes: readonly string[];
}

/** A snapshot that is not recorded. */
export interface SkippedImport {
  readonly origin: string;
  readonly name: string;
  readonly reason: string;
}

export interface ArrangedImport {
  /** Parents before their children, the oldest first. */
  readonly candidates: readonly ImportCandidate[];
  readonly skipped: readonly SkippedImport[];
  readonly current?: string;
  readonly warnings: readonly string[];
}

/**
 * Leaves one snapshot of each name: the first whose file is called after it, else the first
 * (libvirt: the first one that its driver reads).
 */
export function withoutDuplicates(
  candidates: readonly ImportCandidate[],
): Pick<ArrangedImport, "candidates" | "skipped"> {
  const chosen = new Map<string, ImportCandidate>();
  for (const candidate of candidates) {
    const { name } = candidate.snapshot;
    const rival = chosen.get(name);
    if (!rival || (isNamedAfter(candidate) && !isNamedAfter(rival))) chosen.set(name, candidate);
  }
  const skipped = candidates
    .filter((candidate) => chosen.get(candidate.snapshot.name) !== candidate)
    .map(({ origin, snapshot: { name } }) => ({
      origin,
      name,
      reason: `'${chosen.get(name)?.origin ?? ""}' describes a snapshot of the same name`,
    }));
  return { candidates: [...chosen.values()], skipped };
}

function isNamedAfter({ origin, snapshot }: ImportCandidate): boolean {
  return origin.slice(origin.lastIndexOf("/") + 1).startsWith(`${snapshot.name}.`);
}

/**
 * Puts the snapshots of one domain into a tree that holds, together with those that are recorded
 * already (those whose record cannot be read included): a parent that exists nowhere, and one member of every loop, makes a root, with a note;
 * a snapshot whose parent is skipped goes to the nearest ancestor that is not. Linear.
 */
export function arrangeImport(
  candidates: readonly ImportCandidate[],
  skipped: readonly (SkippedImport & { readonly parent?: string | undefined })[],
  recorded: { has(name: string): boolean },
): ArrangedImport {
  const parentOfSkipped = new Map(skipped.map(({ name, parent }) => [name, parent]));
  const known = new Set(candidates.map(({ snapshot }) => snapshot.name));
  const exists = (name: string) => known.has(name) || recorded.has(name);
  const attached = candidates.map((candidate) => attach(candidate, exists, parentOfSkipped));
  const ordered = cutLoops(attached);
  return { candidates: ordered, skipped, ...chooseCurrent(ordered) };
}

function attach(
  candidate: ImportCandidate,
  exists: (name: string) => boolean,
  parentOfSkipped: ReadonlyMap<string, string | undefined>,
): ImportCandidate {
  const { parent } = candidate.snapshot;
  if (parent === undefined || exists(parent)) return candidate;
  const walked = new Set<string>();
  let ancestor: string | undefined = parent;
  while (ancestor !== undefined && !exists(ancestor) && !walked.has(ancestor)) {
    walked.add(ancestor);
    ancestor = parentOfSkipped.get(ancestor);
  }
  const found = ancestor !== undefined && exists(ancestor) ? ancestor : undefined;
  // A skipped ancestor may itself have had this one for its own.
  if (found === undefined || found === candidate.snapshot.name)
    return asRoot(candidate, `its parent '${parent}' is missing: it becomes a root`);
  return {
    ...candidate,
    snapshot: { ...candidate.snapshot, parent: found },
    notes: [...candidate.notes, `its parent '${parent}' is skipped: it goes below '${found}'`],
  };
}

function asRoot(candidate: ImportCandidate, note: string): ImportCandidate {
  const { parent: _parent, ...snapshot } = candidate.snapshot;
  return { ...candidate, snapshot, notes: [...candidate.notes, note] };
}

function cutLoops(candidates: readonly ImportCandidate[]): ImportCandidate[] {
  const byName = new Map(candidates.map((candidate) => [candidate.snapshot.name, candidate]));
  // Parents that are recorded already end every walk, as if theirs were roots.
  const heads = candidates.map(({ snapshot: { parent, ...head } }): SnapshotHead =>
    parent === undefined || !byName.has(parent) ? head : { ...head, parent },
  );
  const tree = buildSnapshotTree(heads.sort(byAge));
  const ordered: ImportCandidate[] = [];
  // Grows while it is walked: level by level, the oldest first.
  const waiting = [...tree.roots].reverse();
  for (const { name } of waiting) {
    const candidate = byName.get(name);
    const note = "its ancestors form a loop: it becomes a root";
    if (candidate) ordered.push(tree.orphans.has(name) ? asRoot(candidate, note) : candidate);
    for (const child of childrenOf(tree, name).toReversed()) waiting.push(child);
  }
  return ordered;
}

/** Of one second, the order in which the source names them stays. */
function byAge(a: Pick<SnapshotHead, "creationTime">, b: typeof a): number {
  return a.creationTime < b.creationTime ? -1 : a.creationTime > b.creationTime ? 1 : 0;
}

/** Of several that claim to be current nobody knows which is: then none is. */
function chooseCurrent(
  candidates: readonly ImportCandidate[],
): Pick<ArrangedImport, "current" | "warnings"> {
  const names = candidates.filter(({ current }) => current).map(({ snapshot }) => snapshot.name);
  const [only, ...more] = names;
  if (only !== undefined && more.length === 0) return { current: only, warnings: [] };
  if (only === undefined) return { warnings: [] };
  const listed = names.map((name) => `'${name}'`).join(", ");
  return { warnings: [`several snapshots claim to be current, so none is made: ${listed}`] };
}

/** An old prefix of paths and the new one. */
export interface PathMapping {
  readonly from: string;
  readonly to: string;
}

/** The path under its new prefix: that of the longest mapping whose folders it begins with. */
export function mapPath(path: string, mappings: readonly PathMapping[]): string {
  let best: PathMapping | undefined;
  for (const mapping of mappings)
    if (isBelow(path, mapping.from) && mapping.from.length > (best?.from.length ?? -1))
      best = mapping;
  return best ? best.to + path.slice(best.from.length) : path;
}

function isBelow(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith("/") ? folder : `${folder}/`);
}

/**
 * The names that Xen gives to the disks of a guest: `hdX`, `vdX` and `sdX` hard disks become
 * `xvdX` with the same letters, in the order of the domain; where that name is taken, the next free
 * one. A partition number stays. Drives with removable media stay `hdX` and `sdX`, for the guest's
 * firmware looks for them there.
 */
export function xenTargets(
  disks: readonly { readonly target: string; readonly device: string }[],
): Map<string, string> {
  const keeps = (disk: (typeof disks)[number]) =>
    disk.target.startsWith("xvd") || (disk.device !== "disk" && !disk.target.startsWith("vd"));
  const targets = new Map(disks.filter(keeps).map(({ target }) => [target, target]));
  const taken = new Set(targets.values());
  for (const { target } of disks) {
    if (targets.has(target)) continue;
    const [, letters, part = ""] = /^(?:hd|vd|sd)([a-z]+)(\d*)$/.exec(target) ?? [];
    let name = letters === undefined ? target : `xvd${letters}${part}`;
    for (let index = 0; taken.has(name); index++) name = `xvd${lettersOf(index)}`;
    targets.set(target, name);
    taken.add(name);
  }
  return targets;
}

/** a .. z, aa, ab, ...: the letters of the disk with an index. */
function lettersOf(index: number): string {
  const rest = Math.floor(index / 26) - 1;
  return (rest >= 0 ? lettersOf(rest) : "") + String.fromCharCode(97 + (index % 26));
}
