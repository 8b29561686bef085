import {
  childrenOf,
  descendantsOf,
  isExternalSnapshot,
  topologicalOrder,
  type ListFlags,
  type SnapshotHead,
  type SnapshotTree,
} from "../model/index.js";
import { findSnapshot } from "./delete-rules.js";

export interface ListFilter {
  /** Below this snapshot instead of all: its children, or with `descendants` everything. */
  readonly from?: string | undefined;
  readonly descendants?: boolean | undefined;
  readonly flags?: ListFlags | undefined;
}

/**
 * The snapshots that a list call asks for, depth first with the newest sibling first. Within a
 * group of flags (leaves, metadata, status, location) any that fits is enough, and none set means
 * all; groups narrow each other. Linear. (libvirt: virDomainListAllSnapshots. It documents that
 * LEAVES with NO_LEAVES lists all and lists nothing; here it lists all.) Throws
 * `no-domain-snapshot`.
 */
export function filterSnapshots<Head extends SnapshotHead>(
  tree: SnapshotTree<Head>,
  { from, descendants = false, flags = {} }: ListFilter,
): Head[] {
  return startingPoints(tree, from, descendants, flags).filter((head) =>
    matches(head, tree, flags),
  );
}

function startingPoints<Head extends SnapshotHead>(
  tree: SnapshotTree<Head>,
  from: string | undefined,
  descendants: boolean,
  flags: ListFlags,
): readonly Head[] {
  if (from !== undefined) {
    findSnapshot(tree, from);
    return descendants ? descendantsOf(tree, from) : childrenOf(tree, from);
  }
  return flags.roots === true ? tree.roots : topologicalOrder(tree);
}

function matches(head: SnapshotHead, tree: SnapshotTree, flags: ListFlags): boolean {
  const isLeaf = childrenOf(tree, head.name).length === 0;
  const external = isExternalSnapshot(head);
  return (
    anyOf([flags.leaves, isLeaf], [flags.noLeaves, !isLeaf]) &&
    anyOf([flags.metadata, true], [flags.noMetadata, false]) &&
    anyOf([flags.internal, !external], [flags.external, external]) &&
    matchesStatus(head, flags)
  );
}

function matchesStatus({ state }: SnapshotHead, flags: ListFlags): boolean {
  const inactive = state === "shutoff";
  const diskOnly = state === "disk-snapshot";
  return anyOf(
    [flags.inactive, inactive],
    [flags.diskOnly, diskOnly],
    [flags.active, !inactive && !diskOnly],
  );
}

/** Whether one of the wanted properties holds, or none is wanted. */
function anyOf(...wishes: readonly (readonly [boolean | undefined, boolean])[]): boolean {
  const wanted = wishes.filter(([wish]) => wish === true);
  return wanted.length === 0 || wanted.some(([, holds]) => holds);
}
