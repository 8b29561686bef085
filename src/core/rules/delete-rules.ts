import { DomsnapError } from "../errors/index.js";
import { unsupported } from "../errors/unsupported.js";
import {
  childrenOf,
  descendantsOf,
  isExternalSnapshot,
  type DeleteFlags,
  type SnapshotHead,
  type SnapshotTree,
} from "../model/index.js";
import type { DriverRules } from "../model/driver-rules.js";
import { assertDeleteFlags } from "./flags.js";

export interface DeleteRequest {
  readonly name: string;
  readonly flags: DeleteFlags;
  readonly tree: SnapshotTree;
  readonly current?: string | undefined;
  readonly rules: DriverRules;
}

/** What a delete does to the tree, as data. */
export interface DeleteEffect {
  /** Names to remove, in an order in which every state between is a tree: leaves first. */
  readonly removed: readonly string[];
  /**
   * Snapshots that stay and get another parent; without one they become roots. Oldest first: each
   * is linked in front of its new siblings.
   */
  readonly reparented: readonly { readonly name: string; readonly parent?: string }[];
  /** The current snapshot afterwards; missing for none. */
  readonly current?: string;
}

/**
 * What a delete does to the tree (libvirt: virDomainSnapshotDelete). Linear in the number of
 * snapshots. Throws `invalid-flags`, `no-domain-snapshot`, and `config-unsupported` for external
 * snapshots that the rules cannot remove together.
 */
export function deleteEffect(request: DeleteRequest): DeleteEffect {
  const { name, flags, tree, current, rules } = request;
  assertDeleteFlags(flags, rules);
  const head = findSnapshot(tree, name);
  const parent = tree.orphans.has(name) ? undefined : head.parent;
  const withDescendants = flags.children === true || flags.childrenOnly === true;
  const below = withDescendants ? descendantsOf(tree, name) : [];
  if (flags.metadataOnly !== true) assertImagesCanGo(head, below, request);

  const removed = below.map((descendant) => descendant.name).reverse();
  if (flags.childrenOnly !== true) removed.push(name);
  const orphaned = withDescendants ? [] : childrenOf(tree, name);
  const heir = flags.childrenOnly === true ? name : parent;
  const next = current !== undefined && removed.includes(current) ? heir : current;
  return {
    removed,
    reparented: orphaned.toReversed().map((child) => ({
      name: child.name,
      ...(parent === undefined ? {} : { parent }),
    })),
    ...(next === undefined ? {} : { current: next }),
  };
}

/** The snapshot of this name. Throws `no-domain-snapshot`. */
export function findSnapshot<Head extends SnapshotHead>(
  tree: Pick<SnapshotTree<Head>, "byName">,
  name: string,
): Head {
  const head = tree.byName.get(name);
  if (head) return head;
  throw new DomsnapError("no-domain-snapshot", `no domain snapshot with matching name '${name}'`);
}

/** libvirt: QEMU driver; images are merged one snapshot at a time. */
function assertImagesCanGo(
  head: SnapshotHead,
  below: readonly SnapshotHead[],
  { flags, tree, rules }: DeleteRequest,
): void {
  if (!rules.deletesExternalDescendants) {
    const external = below.filter((descendant) => isExternalSnapshot(descendant)).length;
    if (external > 0 && external < below.length)
      throw unsupported("deletion of external and internal children disk snapshots not supported");
    if (external > 0)
      throw unsupported("deletion of external children disk snapshots not supported");
    const hasChildren = childrenOf(tree, head.name).length > 0;
    if (flags.children === true && isExternalSnapshot(head) && hasChildren)
      throw unsupported("deletion of external disk snapshots with children not supported");
  }
  if (flags.childrenOnly !== true) assertNoInterruptedMerge(head);
}

function assertNoInterruptedMerge(head: SnapshotHead): void {
  const marked = head.disks.find((disk) => disk.deleteInProgress === true);
  if (isExternalSnapshot(head) && marked)
    throw new DomsnapError(
      "operation-invalid",
      `snapshot disk '${marked.name}' was target of not completed snapshot delete`,
    );
}
