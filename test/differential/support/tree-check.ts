import fc from "fast-check";
import {
  buildSnapshotTree,
  type DomainSnapshot,
  type ListFlag,
  type ListFlags,
  type DriverRules,
} from "../../../src/core/model/index.js";
import { deleteEffect, filterSnapshots } from "../../../src/core/rules/index.js";
import { DomsnapError } from "../../../src/core/errors/index.js";
import { maybe } from "./domain-arbitrary.js";
import { errorIn, quoted } from "./virsh.js";

/** What is asked of a domain's snapshots once they are there: lists, deletes, lists. */
export interface TreeCheck {
  readonly lists: readonly ListSketch[];
  readonly deletions: readonly string[];
}

interface ListSketch {
  readonly from?: string | undefined;
  readonly descendants: boolean;
  readonly flags: ListFlags;
}

/** The snapshots that a scenario left, by name and in link order. */
export interface RecordedSnapshots {
  readonly records: ReadonlyMap<string, DomainSnapshot>;
  readonly current: string | undefined;
}

const VIRSH_FILTERS: Readonly<Partial<Record<ListFlag, string>>> = {
  roots: "--roots",
  metadata: "--metadata",
  leaves: "--leaves",
  noLeaves: "--no-leaves",
  noMetadata: "--no-metadata",
  inactive: "--inactive",
  active: "--active",
  diskOnly: "--disk-only",
  internal: "--internal",
  external: "--external",
};

/** All sets of filters but LEAVES with NO_LEAVES, where libvirt does not do what it says. */
const filters: fc.Arbitrary<ListFlags> = fc
  .uniqueArray(fc.constantFrom(...(Object.keys(VIRSH_FILTERS) as ListFlag[])), { maxLength: 3 })
  .map((names): ListFlags => Object.fromEntries(names.map((name) => [name, true])))
  .map((flags) => (flags.leaves === true ? { ...flags, noLeaves: false } : flags));

const name = fc.constantFrom("a", "b", "c", "d e");

export const treeCheck: fc.Arbitrary<TreeCheck> = fc.record({
  lists: fc.array(fc.record({ from: maybe(name, 3), descendants: fc.boolean(), flags: filters }), {
    minLength: 1,
    maxLength: 3,
  }),
  deletions: fc.array(name, { maxLength: 2 }),
});

export function treeCommands(domain: string, { lists, deletions }: TreeCheck): string[] {
  const listings = lists.map((list) => listCommand(domain, list));
  const deletes = deletions.map(
    (one) => `snapshot-delete --domain ${domain} --snapshotname=${quoted(one)}`,
  );
  return [...listings, currentCommand(domain), ...deletes, ...listings, currentCommand(domain)];
}

/** Where libvirt's answers to `treeCommands` and our rules part; empty if nowhere. */
export function treeDisagreements(
  domain: { readonly name: string },
  check: TreeCheck,
  recorded: RecordedSnapshots,
  rules: DriverRules,
  answers: readonly string[],
): string[] {
  let state = recorded;
  const before = ourAnswers(domain.name, check, state);
  const deleted = check.deletions.map((one) => {
    const result = deleteOne(one, state, rules);
    state = result.state;
    return result.answer;
  });
  const ours = [...before, ...deleted, ...ourAnswers(domain.name, check, state)];
  const commands = treeCommands(domain.name, check);
  return ours.flatMap((mine, index) => {
    const theirs = plainAnswer(answers[index] ?? "");
    if (mine === theirs) return [];
    return [`${commands[index]}\nlibvirt:\n${theirs}\ndomsnap:\n${mine}`];
  });
}

function ourAnswers(
  domain: string,
  { lists }: TreeCheck,
  { records, current }: RecordedSnapshots,
): string[] {
  const tree = buildSnapshotTree([...records.values()]);
  const listings = lists.map((list) =>
    answerOf(() =>
      filterSnapshots(tree, list)
        .map((head) => head.name)
        .join("\n"),
    ),
  );
  return [...listings, current ?? `domain '${domain}' has no current snapshot`];
}

function deleteOne(
  snapshot: string,
  { records, current }: RecordedSnapshots,
  rules: DriverRules,
): { answer: string; state: RecordedSnapshots } {
  const tree = buildSnapshotTree([...records.values()]);
  let state: RecordedSnapshots = { records, current };
  const answer = answerOf(() => {
    const effect = deleteEffect({ name: snapshot, flags: {}, tree, current, rules });
    const left = new Map(records);
    for (const removed of effect.removed) left.delete(removed);
    for (const { name: child, parent } of effect.reparented) {
      const record = left.get(child);
      left.delete(child);
      if (record) left.set(child, withParent(record, parent));
    }
    state = { records: left, current: effect.current };
    return "";
  });
  return { answer, state };
}

function withParent(record: DomainSnapshot, parent: string | undefined): DomainSnapshot {
  const { parent: former, ...root } = record;
  return parent === undefined || former === undefined ? root : { ...root, parent };
}

function answerOf(call: () => string): string {
  try {
    return call();
  } catch (error) {
    if (error instanceof DomsnapError) return error.message;
    throw error;
  }
}

function plainAnswer(answer: string): string {
  return errorIn(answer) ?? answer.replace(/\n+$/, "");
}

function currentCommand(domain: string): string {
  return `snapshot-current ${domain} --name`;
}

function listCommand(domain: string, { from, descendants, flags }: ListSketch): string {
  const words = ["snapshot-list", "--domain", domain, "--name", "--topological"];
  for (const [flag, option] of Object.entries(VIRSH_FILTERS))
    if (flags[flag as ListFlag] === true && !(flag === "roots" && from !== undefined))
      words.push(option);
  if (from !== undefined) words.push(`--from=${quoted(from)}`);
  if (from !== undefined && descendants) words.push("--descendants");
  return words.join(" ");
}
