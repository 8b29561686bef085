import type { SnapshotHead, SnapshotTree } from "../model/index.js";
import type { RecordProblem } from "../ports/index.js";
import type { Finding } from "./check-findings.js";

export interface RecordFacts {
  readonly tree: SnapshotTree;
  readonly problems: readonly RecordProblem[];
}

/** What is wrong with the records themselves. */
export function checkRecords({ tree, problems }: RecordFacts): Finding[] {
  return [
    ...problems.map(({ record, reason, about }): Finding =>
      about === "current"
        ? { code: "current-missing", subject: record, detail: reason, repair: CLEAR_CURRENT }
        : { code: "record-unreadable", subject: record, detail: reason },
    ),
    ...[...tree.orphans].flatMap((name) => checkOrphan(tree, name)),
  ];
}

const CLEAR_CURRENT = { kind: "clear-current" } as const;

function checkOrphan(tree: SnapshotTree, name: string): Finding[] {
  const head: SnapshotHead | undefined = tree.byName.get(name);
  if (head?.parent === undefined) return [];
  const loop = tree.byName.has(head.parent);
  return [
    {
      code: loop ? "parent-loop" : "parent-missing",
      subject: name,
      detail: loop
        ? `its parent '${head.parent}' is among its descendants`
        : `its parent '${head.parent}' does not exist`,
      repair: { kind: "make-root", snapshot: name },
    },
  ];
}
