import type { Domain, DomainDefinition, DomainSnapshot } from "../model/index.js";
import { renameFiles } from "./disk-images.js";
import type { ForwardOperation, Plan, SnapshotStep, UndoableOperation } from "../model/index.js";
import {
  planLiveCreate,
  snapshotOperations,
  type AssignedStep,
  type LiveFacts,
} from "./plan-live-create.js";

export type { AssignedStep, LiveFacts } from "./plan-live-create.js";

export interface CreateFacts {
  readonly domain: Domain;
  /** Aligned and complete, as it will be recorded. */
  readonly snapshot: DomainSnapshot;
  readonly disks: readonly AssignedStep[];
  /** The definition after the snapshot, when a disk goes on in an overlay. */
  readonly definition?: DomainDefinition;
  /** False: images are changed, nothing is recorded (libvirt's NO_METADATA). */
  readonly record: boolean;
  /** The current snapshot, when it holds revert overlays that this snapshot freezes. */
  readonly previousCurrent?: DomainSnapshot;
  /** Stop the domain after success (libvirt's HALT). */
  readonly halt: boolean;
  /** Set for an active domain: who takes its disks and memory, and how. */
  readonly live?: LiveFacts;
  readonly warnings: readonly string[];
}

/**
 * Plans a create: freeze all disks (and memory, of an active domain), point the domain at its
 * overlays, and record. Writing the record is the commit point; without a record there is none,
 * and everything is undone unless it all succeeds.
 */
export function planCreate(facts: CreateFacts): Plan {
  const { domain, live } = facts;
  const before: UndoableOperation[] = live
    ? planLiveCreate(domain, facts.snapshot, facts.disks, live)
    : snapshotOperations(facts.snapshot.name, facts.disks);
  if (facts.definition)
    before.push({
      kind: "domain.define",
      definition: facts.definition,
      previous: domain.inactiveDefinition ?? domain.definition,
    });
  return {
    verb: "create",
    domain: { name: facts.domain.name, uuid: facts.domain.uuid },
    snapshot: facts.snapshot.name,
    before,
    after: [...(facts.record ? recordOperations(facts) : []), ...finish(facts)],
    warnings: facts.warnings,
  };
}

function recordOperations({ snapshot, previousCurrent, disks }: CreateFacts): ForwardOperation[] {
  return [
    { kind: "record.write", snapshot },
    { kind: "record.current", name: snapshot.name },
    ...settlePrevious(previousCurrent, frozenNames(disks)),
  ];
}

/** The names that images get whose path the overlay takes. */
function frozenNames(disks: readonly SnapshotStep[]): Map<string, string> {
  return new Map(
    disks.flatMap((step) =>
      step.keeps === "renamed" ? [[step.image.path, step.frozen.path]] : [],
    ),
  );
}

function finish({ halt, domain }: CreateFacts): ForwardOperation[] {
  return halt && domain.id !== undefined ? [{ kind: "domain.stop" }] : [];
}

export interface RedefineFacts {
  readonly domain: Domain;
  readonly snapshot: DomainSnapshot;
  readonly makeCurrent: boolean;
  /** The current snapshot, when it holds revert overlays that making another one current drops. */
  readonly previousCurrent?: DomainSnapshot;
}

/** Plans a redefine: records only, no image. */
export function planRedefine(facts: RedefineFacts): Plan {
  const { domain, snapshot } = facts;
  const after: ForwardOperation[] = [{ kind: "record.write", snapshot }];
  if (facts.makeCurrent)
    after.push(
      { kind: "record.current", name: snapshot.name },
      ...settlePrevious(facts.previousCurrent, new Map()),
    );
  return {
    verb: "redefine",
    domain: { name: domain.name, uuid: domain.uuid },
    snapshot: snapshot.name,
    before: [],
    after,
    warnings: [],
  };
}

/**
 * Revert overlays belong to the state after their snapshot only as long as it is current; a new
 * current snapshot freezes or forgets them (libvirt 9.9, snapshot XML format, `revertDisks`). Where
 * it freezes an overlay of the previous one under another name, that record follows.
 */
function settlePrevious(
  previous: DomainSnapshot | undefined,
  frozenNames: ReadonlyMap<string, string>,
): ForwardOperation[] {
  if (!previous) return [];
  const { revertDisks, leftBehind = [], ...kept } = previous;
  const disks = renameFiles(kept.disks, frozenNames);
  if (!revertDisks && disks === kept.disks) return [];
  // Whoever deletes the new snapshot has to find somewhere that its image was made by domsnap.
  const left = [...leftBehind, ...renameFiles(revertDisks ?? [], frozenNames)];
  const listed = left.length === 0 ? {} : { leftBehind: left };
  return [{ kind: "record.write", snapshot: { ...kept, disks, ...listed } }];
}
