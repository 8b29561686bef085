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
    ...problems.map((problem): Finding => {
      const told = { subject: problem.record, detail: textOfProblem(problem) };
      return problem.about === "current"
        ? { code: "current-missing", ...told, repair: CLEAR_CURRENT }
        : { code: "record-unreadable", ...told };
    }),
    ...[...tree.orphans].flatMap((name) => checkOrphan(tree, problems, name)),
  ];
}

/** Why a record cannot be read and, where that is known, what to do. */
export function textOfProblem({ reason, remedy }: RecordProblem): string {
  return remedy === undefined ? reason : `${reason}. ${remedy}`;
}

const CLEAR_CURRENT = { kind: "clear-current" } as const;

function checkOrphan(
  tree: SnapshotTree,
  problems: readonly RecordProblem[],
  name: string,
): Finding[] {
  const head: SnapshotHead | undefined = tree.byName.get(name);
  if (head?.parent === undefined) return [];
  // Its record may come back: to forget the parent would be no repair.
  if (problems.some(({ snapshot }) => snapshot === head.parent))
    return [
      {
        code: "parent-missing",
        subject: name,
        detail: `the record of its parent '${head.parent}' cannot be read`,
      },
    ];
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
