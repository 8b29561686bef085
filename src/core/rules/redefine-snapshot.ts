import { DomsnapError } from "../errors/index.js";
import {
  isExternalSnapshot,
  tagOf,
  type DiskSnapshot,
  type DomainSnapshot,
  type SnapshotHead,
  type SnapshotState,
} from "../model/index.js";
import type { FileProbe, ParsedSnapshot } from "../ports/index.js";
import { assertAbiStable } from "./abi-stability.js";
import { alignDisks } from "./align-disks.js";
import { assertParsed, type CreateCall } from "./create-snapshot.js";
import { disksStandAlone } from "../model/driver-rules.js";

export interface RedefineRequest extends CreateCall {
  /** Parsed with `redefine`. */
  readonly parsed: ParsedSnapshot;
  /** The heads of the domain's snapshots by name, as in `SnapshotTree.byName`. */
  readonly heads: ReadonlyMap<string, SnapshotHead>;
  /** The complete record of the snapshot with the same name, if there is one. */
  readonly existing?: DomainSnapshot | undefined;
  /** What the document was made from: `existing`, or a snapshot that has another name. */
  readonly source?: DomainSnapshot | undefined;
  /** Missing: sources of disks whose file name is generated count as regular files. */
  readonly probe?: FileProbe | undefined;
}

/**
 * Records a snapshot that exists (or is said to), or changes the record of one: returns what the
 * record will hold. Touches and looks for no image. At most linear in the number of snapshots,
 * also when the recorded parents form a loop. (libvirt: VIR_DOMAIN_SNAPSHOT_CREATE_REDEFINE.)
 * Throws `invalid-argument`, `config-unsupported`, `internal-error` and what `assertParsed` does.
 */
export function prepareRedefine(request: RedefineRequest): DomainSnapshot {
  const { parsed, rules, existing } = request;
  if (parsed.name === undefined)
    throw new DomsnapError("xml-error", "a redefined snapshot must have a name");
  const snapshot: DomainSnapshot = { ...parsed, name: parsed.name };
  assertParsed(snapshot, snapshot.state, request);
  assertParent(snapshot, request.heads);
  assertFitsDomain(snapshot, request);
  if (existing) assertMayReplace(existing, snapshot);

  const domain = snapshot.domain ?? existing?.domain;
  const external = snapshot.state === "disk-snapshot" || isExternalSnapshot(snapshot);
  const disks = alignDisks(snapshot.disks, domain, {
    snapshotName: snapshot.name,
    defaultMode: external ? "external" : "internal",
    uniform: !disksStandAlone(rules, snapshot.state !== "shutoff"),
    probe: request.probe,
  });
  // The document cannot tell it, and what was taken stays what it is.
  const { consistency, unknownNotes, unknownElements, leftBehind } = request.source ?? {};
  const { revertDisks } = snapshot;
  return {
    ...snapshot,
    disks: withKeepers(disks, request.source?.disks),
    ...(revertDisks && { revertDisks: withKeepers(revertDisks, request.source?.revertDisks) }),
    ...(domain ? { domain } : {}),
    ...(consistency ? { consistency } : {}),
    ...imageTagOf(snapshot.name, request.source),
    ...(namesNothingNew({ ...snapshot, disks, ...(domain && { domain }) }, request.source)
      ? { taken: true }
      : {}),
    ...(leftBehind ? { leftBehind } : {}),
    ...(unknownNotes ? { unknownNotes } : {}),
    ...(unknownElements ? { unknownElements } : {}),
  };
}

/** Whether all files that a record names are those of one that domsnap took itself. */
function namesNothingNew(snapshot: DomainSnapshot, source: DomainSnapshot | undefined): boolean {
  if (source?.taken !== true) return false;
  const known = new Set(filesNamedBy(source));
  return filesNamedBy(snapshot).every((file) => known.has(file));
}

function filesNamedBy({
  domain,
  inactiveDomain,
  memory,
  disks,
  revertDisks = [],
}: DomainSnapshot): string[] {
  const opened = [...(domain?.disks ?? []), ...(inactiveDomain?.disks ?? [])];
  const paths = [...opened, ...disks, ...revertDisks].map(({ source }) => source?.path);
  return [memory?.file, ...paths].filter((path) => path !== undefined);
}

/** What images call it stays what it is, whatever the record is called by now. */
function imageTagOf(
  name: string,
  source: DomainSnapshot | undefined,
): Pick<DomainSnapshot, "imageTag"> {
  if (!source || tagOf(source) === name) return {};
  const isInside =
    source.memory?.mode === "internal" || source.disks.some(({ mode }) => mode === "internal");
  return isInside ? { imageTag: tagOf(source) } : {};
}

/** Who keeps a disk that the document describes as before is told by the record alone. */
function withKeepers(
  disks: readonly DiskSnapshot[],
  recorded: readonly DiskSnapshot[] = [],
): DiskSnapshot[] {
  const byName = new Map(recorded.map((disk) => [disk.name, disk]));
  return disks.map((disk) => {
    const known = byName.get(disk.name);
    const isSame = known?.mode === disk.mode && known?.format === disk.format;
    if (!known || !isSame) return disk;
    const { backend, reused, unknownElements } = known;
    return {
      ...disk,
      ...(backend !== undefined && { backend }),
      ...(reused && { reused }),
      ...(unknownElements && { unknownElements }),
    };
  });
}

/** The parent must exist, and nobody may become an ancestor of itself. */
function assertParent(
  { name, parent }: SnapshotHead,
  heads: ReadonlyMap<string, SnapshotHead>,
): void {
  if (parent === undefined) return;
  if (parent === name) throw invalid(`cannot set moment ${name} as its own parent`);
  let ancestor = heads.get(parent);
  if (!ancestor) throw invalid(`parent ${parent} for moment ${name} not found`);
  // Old records may form a loop that does not touch this snapshot; walk no name twice.
  const walked = new Set<string>();
  while (ancestor?.parent !== undefined && !walked.has(ancestor.name)) {
    if (ancestor.parent === name)
      throw invalid(`parent ${ancestor.name} would create cycle to ${name}`);
    walked.add(ancestor.name);
    ancestor = heads.get(ancestor.parent);
  }
}

function assertFitsDomain(snapshot: DomainSnapshot, { flags, domain }: RedefineRequest): void {
  if (flags.diskOnly === true && snapshot.state !== "disk-snapshot")
    throw invalid(`disk-only flag for snapshot ${snapshot.name} requires disk-snapshot state`);
  if (snapshot.domain && snapshot.domain.uuid !== domain.uuid)
    throw invalid(`definition for snapshot ${snapshot.name} must use uuid ${domain.uuid}`);
}

function assertMayReplace(existing: DomainSnapshot, snapshot: DomainSnapshot): void {
  if (isOnline(existing.state) !== isOnline(snapshot.state))
    throw invalid(
      `cannot change between online and offline snapshot state in snapshot ${snapshot.name}`,
    );
  if ((existing.state === "disk-snapshot") !== (snapshot.state === "disk-snapshot"))
    throw invalid(`cannot change between disk only and full system in snapshot ${snapshot.name}`);
  if (existing.domain && snapshot.domain) assertAbiStable(existing.domain, snapshot.domain);
}

function isOnline(state: SnapshotState | undefined): boolean {
  return state === "running" || state === "paused";
}

function invalid(text: string): DomsnapError {
  return new DomsnapError("invalid-argument", text);
}
