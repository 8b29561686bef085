import type { SnapshotHead } from "../../core/model/index.js";
import { safeText } from "./display-text.js";
import type { TreeNode } from "./tree.js";

/**
 * Names in virsh's order: letters without regard to case, then by bytes. virsh leaves the order of
 * names that differ only in case open.
 */
export function sortByName(heads: readonly SnapshotHead[]): SnapshotHead[] {
  return heads
    .map((head) => ({ head, key: Buffer.from(foldCase(head.name)), name: Buffer.from(head.name) }))
    .sort((a, b) => Buffer.compare(a.key, b.key) || Buffer.compare(a.name, b.name))
    .map(({ head }) => head);
}

function foldCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

/**
 * Links listed snapshots into trees, in list order. With `top` its tree alone; otherwise one tree
 * for each snapshot without a listed parent. An orphan, which virsh leaves out, is a root that
 * says so.
 */
export function snapshotTrees(
  heads: readonly SnapshotHead[],
  orphans: ReadonlySet<string>,
  top?: string,
): TreeNode[] {
  const nodes = new Map(
    heads.map((head) => [head.name, { label: "", children: [] as TreeNode[] }]),
  );
  const roots: TreeNode[] = [];
  for (const head of heads) {
    const node = nodes.get(head.name);
    if (node === undefined) continue;
    const parent =
      head.parent === undefined || head.name === top || orphans.has(head.name)
        ? undefined
        : nodes.get(head.parent);
    const lost = head.name !== top && orphans.has(head.name) && head.parent !== undefined;
    node.label =
      safeText(head.name) + (lost ? ` (parent '${safeText(head.parent)}' is missing)` : "");
    if (parent) parent.children.push(node);
    else roots.push(node);
  }
  return roots;
}
