import { asDomsnapError, DomsnapError } from "../../errors/index.js";
import {
  buildSnapshotTree,
  type Domain,
  type DomainSnapshot,
  type SnapshotHead,
  type SnapshotTree,
} from "../../model/index.js";
import type { RecordProblem, SnapshotStore } from "../../ports/index.js";
import { findSnapshot } from "../../rules/index.js";
import type { ServiceContext } from "./context.js";
import type { ChangeOptions } from "./results.js";

/** The heads of a domain's snapshots, linked. */
export interface Heads {
  readonly tree: SnapshotTree;
  readonly current?: SnapshotHead;
  readonly problems: readonly RecordProblem[];
}

export async function readHeads(
  { connection }: ServiceContext,
  domainUuid: string,
): Promise<Heads> {
  const index = await connection.store.index(domainUuid);
  const tree = buildSnapshotTree(index.heads);
  const current = index.current === undefined ? undefined : tree.byName.get(index.current);
  return { tree, problems: index.problems, ...(current ? { current } : {}) };
}

/**
 * Every record, complete. Needed before an image is merged or unlinked: a record that cannot be
 * read may name it, so one such record stops the operation (`record-unreadable`).
 */
export async function readAllRecords(
  { connection }: ServiceContext,
  domainUuid: string,
  { tree, problems }: Heads,
  { assumeLost = [] }: Pick<ChangeOptions, "assumeLost"> = {},
): Promise<DomainSnapshot[]> {
  const problem = problems.find(({ record }) => !assumeLost.includes(record));
  if (problem) throw unknownReferences(problem.record, problem.reason, problem.remedy);
  const { records, failures } = await readEach(connection.store, domainUuid, tree.byName.keys());
  const [failure] = failures;
  if (failure) throw unknownReferences(failure.name, failure.error.message, failure.error.hint);
  return records;
}

/** A record that is there and cannot be read. */
export interface RecordFailure {
  readonly name: string;
  readonly error: DomsnapError;
}

/** The records that can be read, complete, and why the others cannot. */
export async function readEach(
  store: Pick<SnapshotStore, "read">,
  domainUuid: string,
  names: Iterable<string>,
): Promise<{ readonly records: DomainSnapshot[]; readonly failures: readonly RecordFailure[] }> {
  const records: DomainSnapshot[] = [];
  const failures: RecordFailure[] = [];
  for (const name of names)
    try {
      records.push(await store.read(domainUuid, name));
    } catch (thrown) {
      failures.push({ name, error: asDomsnapError(thrown) });
    }
  return { records, failures };
}

/**
 * Throws `record-unreadable` for a name whose record is there and cannot be read: it may be all that
 * is left of a snapshot, and a new one would replace it.
 */
export function assertNoDamagedRecord({ problems }: Pick<Heads, "problems">, name: string): void {
  const problem = problems.find(({ snapshot }) => snapshot === name);
  if (!problem) return;
  throw new DomsnapError(
    "record-unreadable",
    `the record '${problem.record}' of a snapshot '${name}' cannot be read: ${problem.reason}`,
    { hint: problem.remedy ?? "Repair it or move it away first, or choose another name." },
  );
}

/**
 * The head of a snapshot. Throws `no-domain-snapshot`, and `record-unreadable` when its record is
 * there and cannot be read.
 */
export function findHead(heads: Heads, name: string): SnapshotHead {
  assertNoDamagedRecord(heads, name);
  return findSnapshot(heads.tree, name);
}

function unknownReferences(
  record: string,
  reason: string,
  remedy = "Repair or remove that record first; images stay untouched until then.",
): DomsnapError {
  return new DomsnapError(
    "record-unreadable",
    `cannot tell which images record '${record}' needs: ${reason}`,
    { hint: remedy },
  );
}

/** The current snapshot's record, complete; missing when none is current. */
export async function readCurrent(
  { connection }: ServiceContext,
  { uuid }: Pick<Domain, "uuid">,
  { current }: Heads,
): Promise<DomainSnapshot | undefined> {
  return current && connection.store.read(uuid, current.name);
}
