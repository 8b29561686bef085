/** One entry of a tree to draw; `label` is already safe for a terminal. */
export interface TreeNode {
  readonly label: string;
  readonly children: readonly TreeNode[];
}

/** Draws trees exactly as `virsh snapshot-list --tree` does, trailing blanks included. */
export function formatTree(roots: readonly TreeNode[]): string {
  const lines: string[] = [];
  for (const root of roots) drawTree(root, lines);
  return lines.map((line) => `${line}\n`).join("");
}

interface Frame {
  readonly node: TreeNode;
  readonly indent: string;
  readonly isRoot: boolean;
  readonly isLast: boolean;
}

/** With an explicit stack: a chain of 10,000 snapshots must not overflow the call stack. */
function drawTree(root: TreeNode, lines: string[]): void {
  const stack: Frame[] = [{ node: root, indent: "", isRoot: true, isLast: true }];
  for (let frame = stack.pop(); frame; frame = stack.pop()) {
    const { node, isRoot, isLast } = frame;
    lines.push(`${frame.indent}${isRoot ? "" : "+- "}${node.label}`);
    const below = isRoot ? "" : `${frame.indent}${isLast ? "  " : "| "}`;
    if (node.children.length > 0) lines.push(`${below}  |`);
    else if (isLast) lines.push(below);
    for (let i = node.children.length - 1; i >= 0; i--) {
      const child = node.children[i];
      if (child)
        stack.push({
          node: child,
          indent: `${below}  `,
          isRoot: false,
          isLast: i === node.children.length - 1,
        });
    }
  }
}
