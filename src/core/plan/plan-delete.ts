import {
  emptiedBy,
  type Domain,
  type DomainDefinition,
  type DomainSnapshot,
  type ForwardOperation,
  type ImageRef,
  type MergeStep,
  type Plan,
  type RemoveStep,
  type SnapshotInside,
} from "../model/index.js";
import { byBackend, unassigned, type Assigned } from "./assigned.js";

export interface DeleteFacts {
  readonly domain: Domain;
  readonly snapshot: string;
  /** What images call it; missing: by its name. */
  readonly tag?: string;
  readonly removals: readonly Assigned<RemoveStep>[];
  readonly merges: readonly Assigned<MergeStep>[];
  /** Images that a merge leaves without use, and that stay. */
  readonly staying?: readonly string[];
  /** Frozen images of an abandoned branch that nothing refers to afterwards. */
  readonly discards: readonly Assigned<ImageRef>[];
  /** The definition afterwards, when the domain ran on a merged overlay. */
  readonly definition?: DomainDefinition;
  /** Records that change: children with a new parent, and those that name merged overlays. */
  readonly updatedRecords: readonly DomainSnapshot[];
  /** The new current snapshot; `keep` when the deleted one was not current. */
  readonly current: { readonly name: string | undefined } | "keep";
  /** Images that the guest has open: its hypervisor has to work on them. */
  readonly openImages?: ReadonlySet<string>;
  /** The snapshot's memory, if it is kept in a file. */
  readonly memoryFile?: string;
  readonly warnings: readonly string[];
}

/**
 * Plans the delete of one snapshot. It only goes forward: once the first byte of a state is given
 * up, which its first operation tells, there is nothing to go back to. Until the record is removed the snapshot stays listed, and
 * files are unlinked last, when neither a record nor a definition names them.
 */
export function planDelete(facts: DeleteFacts): Plan {
  const {
    domain,
    snapshot,
    tag = snapshot,
    openImages = new Set(),
    memoryFile,
    staying = [],
  } = facts;
  const emptied = facts.merges.map(asEmptied).filter(({ path }) => !staying.includes(path));
  const isOpen = ({ path }: ImageRef) => openImages.has(path);
  const [merges, liveMerges] = divide(
    facts.merges,
    (step): step is Assigned<MergeStep> => step.into === "renamed" || !isOpen(step.overlay),
  );
  const [liveRemovals, removals] = divide(
    facts.removals,
    (step): step is Assigned<SnapshotInside> => step.keeps === "inside" && isOpen(step.image),
  );
  return {
    verb: "delete",
    domain: { name: domain.name, uuid: domain.uuid },
    snapshot,
    before: [],
    after: [
      ...liveOperation<MergeStep>(liveMerges, (disks) => ({
        kind: "domain.merge",
        snapshot: tag,
        disks,
        resume: domain.state === "running",
      })),
      ...byBackend<MergeStep, ForwardOperation>(merges, (backend, disks) => ({
        kind: "disks.merge",
        backend,
        snapshot: tag,
        disks,
      })),
      ...(facts.definition
        ? [
            {
              kind: "domain.define",
              definition: facts.definition,
              previous: domain.inactiveDefinition ?? domain.definition,
            } as const,
          ]
        : []),
      ...liveOperation<SnapshotInside>(liveRemovals, (disks) => ({
        kind: "domain.remove",
        snapshot: tag,
        disks,
      })),
      ...byBackend<RemoveStep, ForwardOperation>(removals, (backend, disks) => ({
        kind: "disks.remove",
        backend,
        snapshot: tag,
        disks,
      })),
      ...facts.updatedRecords.map(
        (record) => ({ kind: "record.write", snapshot: record }) as const,
      ),
      ...currentOperation(facts.current),
      { kind: "record.remove", name: snapshot },
      ...discard([...emptied, ...facts.discards]),
      ...(memoryFile === undefined
        ? []
        : [{ kind: "domain.discard-memory", file: memoryFile } as const]),
    ],
    warnings: facts.warnings,
  };
}

/** What is swept away before a snapshot is deleted: it would stand in the way of a merge. */
export interface SweepFacts extends Pick<DeleteFacts, "domain" | "snapshot"> {
  /** Overlays that earlier changes have left, and that nobody needs. */
  readonly garbage: readonly Assigned<ImageRef>[];
  /** The records that listed them, without them. */
  readonly swept: readonly DomainSnapshot[];
}

/** A plan of its own, as everything of a plan is rehearsed before its first deed; none for nothing. */
export function planSweep({ domain, snapshot, garbage, swept }: SweepFacts): Plan | undefined {
  if (garbage.length === 0) return undefined;
  return {
    verb: "delete",
    domain: { name: domain.name, uuid: domain.uuid },
    snapshot,
    before: [],
    after: [
      ...swept.map((record) => ({ kind: "record.write", snapshot: record }) as const),
      ...discard(garbage),
    ],
    warnings: [],
  };
}

function currentOperation(current: DeleteFacts["current"]): ForwardOperation[] {
  if (current === "keep") return [];
  return [
    current.name === undefined
      ? { kind: "record.current" }
      : { kind: "record.current", name: current.name },
  ];
}

function divide<Step, Part extends Step>(
  steps: readonly Step[],
  isPart: (step: Step) => step is Part,
): [Part[], Step[]] {
  return [steps.filter(isPart), steps.filter((step) => !isPart(step))];
}

function liveOperation<Step extends object>(
  steps: readonly Assigned<Step>[],
  operation: (steps: Step[]) => ForwardOperation,
): ForwardOperation[] {
  return steps.length === 0 ? [] : [operation(steps.map(unassigned<Step>))];
}

function discard(images: readonly Assigned<ImageRef>[]): ForwardOperation[] {
  return byBackend<ImageRef, ForwardOperation>(images, (backend, files) => ({
    kind: "disks.discard",
    backend,
    files,
  }));
}

function asEmptied(step: Assigned<MergeStep>): Assigned<ImageRef> {
  return { ...emptiedBy(step), backend: step.backend };
}
