import { asDomsnapError, DomsnapError } from "../../errors/index.js";
import { topologicalOrder, type SnapshotHead } from "../../model/index.js";
import {
  chooseRetained,
  labelsOf,
  RETENTION_RULES,
  type RetentionChoice,
  type RetentionPolicy,
} from "../../rules/index.js";
import { readDomain, type ServiceContext } from "../shared/context.js";
import { deleteSnapshot } from "./delete-snapshot.js";
import { readHeads } from "../shared/records.js";
import type { ChangeOptions, PruneFailure, PruneRequest, PruneResult } from "../shared/results.js";

/** See `SnapshotService.prune`. */
export async function pruneSnapshots(
  context: ServiceContext,
  reference: string,
  request: PruneRequest,
  options: ChangeOptions = {},
): Promise<PruneResult> {
  assertKeepsSome(request.policy);
  const { domain, unsettled } = await readDomain(context, reference);
  if (unsettled) throw unsettled;
  const { tree } = await readHeads(context, domain.uuid);
  // Children before parents: a branch that goes must not stand in the way of its root.
  const order = topologicalOrder(tree).reverse();
  const choices = chooseByLabel(order, request.label, request.policy);
  const agreed = request.agreed && new Set(request.agreed);
  const doomed = new Set(
    choices
      .filter(({ name, keptBy }) => keptBy.length === 0 && agreed?.has(name) !== false)
      .map(({ name }) => name),
  );
  const removed = order.map(({ name }) => name).filter((name) => doomed.has(name));
  const failures: PruneFailure[] = [];
  const warnings: string[] = [];
  if (!options.dryRun)
    for (const name of removed)
      try {
        warnings.push(...(await deleteSnapshot(context, domain.uuid, name, {}, options)).warnings);
      } catch (thrown) {
        const error = asDomsnapError(thrown);
        // An interrupted change has to be settled first, and a user who gives up means it.
        if (error.effect === "partial" || error.code === "cancelled") throw error;
        failures.push({ name, error });
      }
  const failed = new Set(failures.map(({ name }) => name));
  return {
    domain,
    choices,
    removed: removed.filter((name) => !failed.has(name)),
    failures,
    warnings,
    executed: !options.dryRun,
  };
}

/** Each label is a series of its own; a snapshot of several stays if one of them keeps it. */
function chooseByLabel(
  heads: readonly SnapshotHead[],
  only: string | undefined,
  policy: RetentionPolicy,
): RetentionChoice[] {
  const series = new Map<string, SnapshotHead[]>();
  for (const head of heads)
    for (const label of labelsOf(head))
      if (only === undefined || label === only) membersOf(series, label).push(head);
  const byName = new Map<string, RetentionChoice>();
  for (const members of series.values())
    for (const choice of chooseRetained(members, policy)) {
      const before = byName.get(choice.name)?.keptBy ?? [];
      byName.set(choice.name, {
        ...choice,
        keptBy: RETENTION_RULES.filter((rule) => [...before, ...choice.keptBy].includes(rule)),
      });
    }
  // A label that is not asked for protects, too.
  const protectedNames = new Set(
    heads
      .filter((head) => labelsOf(head).some((label) => !series.has(label)))
      .map((head) => head.name),
  );
  return [...byName.values()].filter(
    ({ name, keptBy }) => keptBy.length > 0 || !protectedNames.has(name),
  );
}

function membersOf(series: Map<string, SnapshotHead[]>, label: string): SnapshotHead[] {
  const members = series.get(label) ?? [];
  series.set(label, members);
  return members;
}

function assertKeepsSome(policy: RetentionPolicy): void {
  const counts = Object.values(policy).filter((count) => count !== undefined);
  if (counts.some((count) => !Number.isSafeInteger(count) || count < 0))
    throw new DomsnapError("invalid-argument", "the number of snapshots to keep must be 0 or more");
  if (!counts.some((count) => count > 0))
    throw new DomsnapError("invalid-argument", "a policy that keeps no snapshot is refused", {
      hint: "Give at least one --keep option; delete single snapshots with snapshot-delete.",
    });
}
