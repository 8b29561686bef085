import { asDomsnapError, DomsnapError } from "../../errors/index.js";
import { isSameData } from "../../execute/same-data.js";
import type { DomainSnapshot, SnapshotHead } from "../../model/index.js";
import type { SnapshotStore } from "../../ports/index.js";
import type { ArrangedImport, ImportCandidate, SkippedImport } from "../../rules/index.js";
import { asDocumentTells } from "../../plan/record-disks.js";
import type { Heads } from "../shared/records.js";
import type { ImportRequest } from "../shared/results.js";

export type Skipped = SkippedImport & { readonly parent?: string | undefined };

/** What becomes of the snapshots of an import. */
export interface Settled {
  readonly added: readonly ImportCandidate[];
  readonly unchanged: readonly ImportCandidate[];
  readonly skipped: readonly Skipped[];
  readonly current?: string;
}

/** What a name stands for here; of a record that cannot be read the reason. */
type Recorded = "nothing" | "the same" | "another" | { readonly damage: string };

/** The names that the records of a domain have, those that cannot be read included. */
export class TakenNames {
  readonly #recorded: ReadonlyMap<string, SnapshotHead>;
  readonly #damaged: ReadonlyMap<string, string>;

  constructor(
    private readonly store: SnapshotStore,
    private readonly domainUuid: string,
    { tree, problems }: Heads,
  ) {
    this.#recorded = tree.byName;
    this.#damaged = new Map(
      problems.flatMap(({ snapshot, reason }) =>
        snapshot === undefined ? [] : [[snapshot, reason]],
      ),
    );
  }

  has(name: string): boolean {
    return this.#recorded.has(name) || this.#damaged.has(name);
  }

  async compare(snapshot: DomainSnapshot): Promise<Recorded> {
    const { name } = snapshot;
    const damage = this.#damaged.get(name);
    if (damage !== undefined) return { damage };
    if (!this.#recorded.has(name)) return "nothing";
    try {
      const recorded = await this.store.read(this.domainUuid, name);
      const same = isSameData(asDocumentTells(recorded), asDocumentTells(snapshot));
      return same ? "the same" : "another";
    } catch (thrown) {
      const error = asDomsnapError(thrown);
      if (error.code !== "record-unreadable") throw error;
      return { damage: error.message };
    }
  }
}

/** Which are recorded already as they are, and what becomes of those whose name is taken. */
export async function settleNames(
  { candidates, skipped, current }: ArrangedImport,
  taken: TakenNames,
  { renameTaken = false }: ImportRequest,
): Promise<Settled> {
  const added: ImportCandidate[] = [];
  const unchanged: ImportCandidate[] = [];
  const refused: Skipped[] = [...skipped];
  const names = new Map<string, string>();
  const planned = new Set(candidates.map(({ snapshot }) => snapshot.name));
  for (const original of candidates) {
    // Parents come first, so their new names are known.
    const candidate = withParent(original, names);
    const { name, parent } = candidate.snapshot;
    const found = await taken.compare(candidate.snapshot);
    const reason = refusal(candidate.snapshot, found, renameTaken);
    if (found === "nothing") added.push(candidate);
    else if (found === "the same") unchanged.push(candidate);
    else if (reason !== undefined) refused.push({ origin: candidate.origin, name, reason, parent });
    else {
      const { free, same } = await freeName(candidate, taken, planned);
      names.set(name, free.snapshot.name);
      planned.add(free.snapshot.name);
      (same ? unchanged : added).push(free);
    }
  }
  const now = current === undefined ? undefined : (names.get(current) ?? current);
  const isThere = [...added, ...unchanged].some(({ snapshot }) => snapshot.name === now);
  return {
    added,
    unchanged,
    skipped: refused,
    ...(now !== undefined && isThere && { current: now }),
  };
}

/** Why a snapshot whose name is taken is left out; undefined where it may have another name. */
function refusal(
  snapshot: DomainSnapshot,
  found: Recorded,
  renameTaken: boolean,
): string | undefined {
  // It may be this very snapshot: neither is it replaced nor recorded twice.
  if (typeof found === "object")
    return `a record of this name is here and cannot be read: ${found.damage}`;
  const taken = "another snapshot of this name is recorded";
  if (isTied(snapshot)) return `${taken}, and its images know it by this name`;
  return renameTaken ? undefined : taken;
}

/** `NAME-2`, `NAME-3`, ...: the first that is free, or that an earlier import gave this snapshot. */
async function freeName(
  candidate: ImportCandidate,
  taken: TakenNames,
  planned: ReadonlySet<string>,
): Promise<{ free: ImportCandidate; same: boolean }> {
  const { name } = candidate.snapshot;
  for (let number = 2; ; number++) {
    const free = rename(candidate, new Map([[name, `${name}-${String(number)}`]]));
    const found = await taken.compare(free.snapshot);
    if (found === "nothing" && !planned.has(free.snapshot.name)) return { free, same: false };
    if (found === "the same") return { free, same: true };
  }
}

/**
 * A snapshot and its parent under their new names. Throws `config-unsupported` for a snapshot that
 * its images know by its name.
 */
export function rename(
  candidate: ImportCandidate,
  names: ReadonlyMap<string, string>,
): ImportCandidate {
  const { snapshot } = candidate;
  const name = names.get(snapshot.name) ?? snapshot.name;
  const parent =
    snapshot.parent === undefined ? undefined : (names.get(snapshot.parent) ?? snapshot.parent);
  if (name === snapshot.name && parent === snapshot.parent) return candidate;
  const renamed = { ...snapshot, name, ...(parent !== undefined && { parent }) };
  if (name === snapshot.name) return { ...candidate, snapshot: renamed };
  assertRenamable(snapshot);
  return {
    ...candidate,
    snapshot: renamed,
    notes: [...candidate.notes, `it was named '${snapshot.name}'`],
  };
}

function assertRenamable(snapshot: DomainSnapshot): void {
  if (!isTied(snapshot)) return;
  throw new DomsnapError(
    "config-unsupported",
    `snapshot '${snapshot.name}' cannot have another name: its images know it by this one`,
  );
}

function isTied({ disks, memory }: DomainSnapshot): boolean {
  return memory?.mode === "internal" || disks.some(({ mode }) => mode === "internal");
}

function withParent(
  candidate: ImportCandidate,
  names: ReadonlyMap<string, string>,
): ImportCandidate {
  const parent = names.get(candidate.snapshot.parent ?? "");
  return parent === undefined
    ? candidate
    : { ...candidate, snapshot: { ...candidate.snapshot, parent } };
}
