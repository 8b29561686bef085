import type { SnapshotHead } from "./snapshot.js";

/**
 * The snapshots of one domain, linked by parent names. A snapshot whose parent does not exist, or
 * whose ancestors form a loop, is an orphan: it hangs at the root, keeps the name of its parent,
 * and is never dropped. Siblings are kept newest first, as libvirt links them.
 */
export interface SnapshotTree<Head extends SnapshotHead = SnapshotHead> {
  readonly byName: ReadonlyMap<string, Head>;
  /** In the order of the children of the root: real roots and orphans. */
  readonly roots: readonly Head[];
  readonly orphans: ReadonlySet<string>;
  readonly childrenByName: ReadonlyMap<string, readonly Head[]>;
}

/**
 * Links heads into a tree, in linear time. `heads` come in link order (oldest first); of two with
 * one name the first wins.
 */
export function buildSnapshotTree<Head extends SnapshotHead>(
  heads: readonly Head[],
): SnapshotTree<Head> {
  const byName = new Map<string, Head>();
  for (const head of heads) if (!byName.has(head.name)) byName.set(head.name, head);
  const orphans = findOrphans(byName);
  const roots: Head[] = [];
  const childrenByName = new Map<string, Head[]>();
  for (const head of byName.values()) {
    if (head.parent === undefined || orphans.has(head.name)) roots.push(head);
    else push(childrenByName, head.parent, head);
  }
  roots.reverse();
  for (const children of childrenByName.values()) children.reverse();
  return { byName, roots, orphans, childrenByName };
}

/** Sorts into link order: by creation time, and of one second by name. */
export function oldestFirst(
  a: Pick<SnapshotHead, "creationTime" | "name">,
  b: Pick<SnapshotHead, "creationTime" | "name">,
): number {
  if (a.creationTime !== b.creationTime) return a.creationTime < b.creationTime ? -1 : 1;
  return a.name < b.name ? -1 : 1;
}

/** The snapshots right below `name`, newest first; none for a name that is not there. */
export function childrenOf<Head extends SnapshotHead>(
  tree: SnapshotTree<Head>,
  name: string,
): readonly Head[] {
  return tree.childrenByName.get(name) ?? [];
}

/** All snapshots below `name`, depth first, parents before children, newest sibling first. */
export function descendantsOf<Head extends SnapshotHead>(
  tree: SnapshotTree<Head>,
  name: string,
): Head[] {
  return depthFirst(tree, childrenOf(tree, name));
}

/** All snapshots in libvirt's topological order; orphans included. */
export function topologicalOrder<Head extends SnapshotHead>(tree: SnapshotTree<Head>): Head[] {
  return depthFirst(tree, tree.roots);
}

/** The chain of ancestors of `name`, nearest first; ends at a root or at an orphan. */
export function ancestorsOf<Head extends SnapshotHead>(
  tree: SnapshotTree<Head>,
  name: string,
): Head[] {
  const ancestors: Head[] = [];
  let head = tree.byName.get(name);
  while (head?.parent !== undefined && !tree.orphans.has(head.name)) {
    head = tree.byName.get(head.parent);
    if (head) ancestors.push(head);
  }
  return ancestors;
}

function depthFirst<Head extends SnapshotHead>(
  tree: SnapshotTree<Head>,
  starts: readonly Head[],
): Head[] {
  const order: Head[] = [];
  // An explicit stack: a chain of 10,000 snapshots must not overflow the call stack.
  const stack = [...starts].reverse();
  for (let head = stack.pop(); head; head = stack.pop()) {
    order.push(head);
    const children = childrenOf(tree, head.name);
    for (let i = children.length - 1; i >= 0; i--) {
      const child = children[i];
      if (child) stack.push(child);
    }
  }
  return order;
}

/** Names whose parent is missing, and one member of every parent loop (where it is cut). */
function findOrphans(byName: ReadonlyMap<string, SnapshotHead>): Set<string> {
  const orphans = new Set<string>();
  const settled = new Set<string>();
  for (const start of byName.keys()) {
    const walk = new Set<string>();
    let name: string | undefined = start;
    while (name !== undefined && !settled.has(name)) {
      walk.add(name);
      const parent: string | undefined = byName.get(name)?.parent;
      if (parent !== undefined && (!byName.has(parent) || walk.has(parent))) {
        orphans.add(name);
        break;
      }
      name = parent;
    }
    for (const seen of walk) settled.add(seen);
  }
  return orphans;
}

function push<Key, Value>(map: Map<Key, Value[]>, key: Key, value: Value): void {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}
