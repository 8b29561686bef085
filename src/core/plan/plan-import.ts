import type { Domain, DomainSnapshot } from "../model/index.js";
import type { Plan } from "../model/operation.js";

export interface ImportFacts {
  readonly domain: Domain;
  /** New records only, parents first. */
  readonly snapshots: readonly DomainSnapshot[];
  /** Made the current snapshot, if given. */
  readonly current?: string;
  readonly warnings: readonly string[];
}

/**
 * Plans an import: one operation for all records, so that the journal is written a handful of times
 * however many there are. Nothing is replaced, so it can be undone until the last record is there:
 * an import that is interrupted leaves nothing, and is simply made again.
 */
export function planImport({
  domain,
  snapshots,
  current,
  warnings,
}: ImportFacts): Plan | undefined {
  if (snapshots.length === 0 && current === undefined) return undefined;
  const add = snapshots.length === 0 ? [] : [{ kind: "records.add", snapshots } as const];
  return {
    verb: "import",
    domain: { name: domain.name, uuid: domain.uuid },
    snapshot: snapshots.at(-1)?.name ?? current ?? "*",
    before: add,
    after: current === undefined ? [] : [{ kind: "record.current", name: current }],
    warnings,
  };
}
