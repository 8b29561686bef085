import type { Domain, DomainDefinition, DomainSnapshot, ImageRef } from "../model/index.js";
import { groupBy } from "./disk-images.js";
import type { BackendId, MergeStep, Operation, Plan, RemoveStep } from "../model/operation.js";

/** A record that changes, and what to put back if the very first write of a plan fails. */
export interface RecordUpdate {
  readonly snapshot: DomainSnapshot;
  readonly previous: DomainSnapshot;
}

export interface DeleteFacts {
  readonly domain: Domain;
  readonly snapshot: string;
  readonly removals: readonly (RemoveStep & { readonly backend: BackendId })[];
  readonly merges: readonly (MergeStep & { readonly backend: BackendId })[];
  /** Frozen images of an abandoned branch that nothing refers to afterwards. */
  readonly discards: readonly (ImageRef & { readonly backend: BackendId })[];
  /** The definition afterwards, when the domain ran on a merged overlay. */
  readonly definition?: DomainDefinition;
  /** Records that change: children with a new parent, and those that name merged overlays. */
  readonly updatedRecords: readonly RecordUpdate[];
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
 * up there is nothing to go back to. Until the record is removed the snapshot stays listed, and
 * files are unlinked last, when neither a record nor a definition names them.
 */
export function planDelete(facts: DeleteFacts): Plan {
  const { domain, snapshot, openImages = new Set(), memoryFile } = facts;
  const isOpen = ({ path }: ImageRef) => openImages.has(path);
  const [liveMerges, merges] = divide(
    facts.merges,
    ({ overlay, keepsPath, streamOnto }) =>
      isOpen(overlay) && (streamOnto !== undefined || keepsPath !== true),
  );
  const [liveRemovals, removals] = divide(
    facts.removals,
    ({ mode, image }) => mode === "internal" && isOpen(image),
  );
  return {
    verb: "delete",
    domain: { name: domain.name, uuid: domain.uuid },
    snapshot,
    operations: [
      ...liveOperation(liveMerges, (disks) => ({
        kind: "domain.merge",
        snapshot,
        disks,
        resume: domain.state === "running",
      })),
      ...grouped(merges, (backend, disks) => ({
        kind: "disks.merge",
        backend,
        snapshot,
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
      ...liveOperation(liveRemovals, (disks) => ({ kind: "domain.remove", snapshot, disks })),
      ...grouped(removals, (backend, disks) => ({
        kind: "disks.remove",
        backend,
        snapshot,
        disks,
      })),
      ...facts.updatedRecords.map((update) => ({ kind: "record.write", ...update }) as const),
      ...currentOperation(facts.current),
      { kind: "record.remove", name: snapshot },
      ...grouped([...facts.merges.map(emptied), ...facts.discards], (backend, files) => ({
        kind: "disks.discard",
        backend,
        files,
      })),
      ...(memoryFile === undefined
        ? []
        : [{ kind: "domain.discard-memory", file: memoryFile } as const]),
    ],
    commitAt: 0,
    warnings: facts.warnings,
  };
}

function currentOperation(current: DeleteFacts["current"]): Operation[] {
  if (current === "keep") return [];
  return [
    current.name === undefined
      ? { kind: "record.current" }
      : { kind: "record.current", name: current.name },
  ];
}

function divide<Step>(steps: readonly Step[], isLive: (step: Step) => boolean): [Step[], Step[]] {
  return [steps.filter(isLive), steps.filter((step) => !isLive(step))];
}

function liveOperation<Step extends { readonly backend: BackendId }>(
  steps: readonly Step[],
  operation: (steps: Omit<Step, "backend">[]) => Operation,
): Operation[] {
  return steps.length === 0 ? [] : [operation(steps.map(withoutBackend))];
}

function withoutBackend<Step extends { readonly backend: BackendId }>({
  backend: _backend,
  ...step
}: Step): Omit<Step, "backend"> {
  return step;
}

/** The image that a merge leaves without use. */
function emptied({ base, overlay, keepsPath, backend }: DeleteFacts["merges"][number]) {
  return { ...(keepsPath === true ? base : overlay), backend };
}

function grouped<Step extends { readonly backend: BackendId }>(
  steps: readonly Step[],
  operation: (backend: BackendId, steps: Omit<Step, "backend">[]) => Operation,
): Operation[] {
  return [...groupBy(steps, (step) => step.backend)].map(([backend, group]) =>
    operation(backend, group.map(withoutBackend)),
  );
}
