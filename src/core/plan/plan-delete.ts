import type { Domain, DomainDefinition, DomainSnapshot, ImageRef } from "../model/index.js";
import { groupBy } from "./disk-images.js";
import type { BackendId, MergeStep, Operation, Plan, RemoveStep } from "./operation.js";

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
  readonly updatedRecords: readonly DomainSnapshot[];
  /** The new current snapshot; `keep` when the deleted one was not current. */
  readonly current: { readonly name: string | undefined } | "keep";
  readonly warnings: readonly string[];
}

/**
 * Plans the delete of one snapshot. It only goes forward: once the first byte of a state is given
 * up there is nothing to go back to. Until the record is removed the snapshot stays listed, and
 * files are unlinked last, when neither a record nor a definition names them.
 */
export function planDelete(facts: DeleteFacts): Plan {
  const { domain, snapshot } = facts;
  return {
    verb: "delete",
    domain: { name: domain.name, uuid: domain.uuid },
    snapshot,
    operations: [
      ...grouped(facts.merges, (backend, disks) => ({
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
              previous: domain.definition,
            } as const,
          ]
        : []),
      ...grouped(facts.removals, (backend, disks) => ({
        kind: "disks.remove",
        backend,
        snapshot,
        disks,
      })),
      ...facts.updatedRecords.map(
        (record) => ({ kind: "record.write", snapshot: record }) as const,
      ),
      ...currentOperation(facts.current),
      { kind: "record.remove", name: snapshot },
      ...grouped([...facts.merges.map(emptied), ...facts.discards], (backend, files) => ({
        kind: "disks.discard",
        backend,
        files,
      })),
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

/** The image that a merge leaves without use. */
function emptied({ base, overlay, keepsPath, backend }: DeleteFacts["merges"][number]) {
  return { ...(keepsPath === true ? base : overlay), backend };
}

function grouped<Step extends { readonly backend: BackendId }>(
  steps: readonly Step[],
  operation: (backend: BackendId, steps: Omit<Step, "backend">[]) => Operation,
): Operation[] {
  return [...groupBy(steps, (step) => step.backend)].map(([backend, group]) =>
    operation(
      backend,
      group.map(({ backend: _backend, ...step }) => step),
    ),
  );
}
