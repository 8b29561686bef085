import {
  childrenOf,
  type DomainDefinition,
  type DomainSnapshot,
  type MergeStep,
  type SnapshotTree,
} from "../model/index.js";
import type { DiskRelocation } from "../ports/index.js";
import type { DeleteEffect } from "../rules/index.js";
import { imageOf, renameFiles } from "./disk-images.js";
import { relocationTo, type RecordEdit } from "./document-edits.js";
import { replaceDisks, withoutRevertDisks } from "./record-disks.js";

/** What other records have to follow when a snapshot is deleted. */
export interface Following {
  readonly effect: Pick<DeleteEffect, "reparented">;
  readonly merges: readonly MergeStep[];
  /** The records as they are stored, where some of those given differ already. */
  readonly before?: readonly DomainSnapshot[];
}

/** The records that change: new parents, and merged overlays replaced in stored definitions. */
export function followingRecords(
  records: readonly DomainSnapshot[],
  { effect: { reparented }, merges, before = records }: Following,
): RecordEdit[] {
  const parents = new Map(reparented.map((child) => [child.name, child]));
  return records.flatMap((record) => {
    const child = parents.get(record.name);
    const linked = child ? withParent(record, child.parent) : record;
    const edit: RecordEdit = {
      snapshot: followFiles(linked, merges),
      domain: mergedAway(record.domain, merges),
      inactiveDomain: mergedAway(record.inactiveDomain, merges),
    };
    const previous = before.find(({ name }) => name === record.name) ?? record;
    const moves = edit.domain.length + edit.inactiveDomain.length > 0;
    return edit.snapshot === previous && !moves ? [] : edit;
  });
}

/**
 * When the last child of a snapshot goes, the overlays of a revert become its own disks
 * (libvirt 9.9: `revertDisks`).
 */
export function settleParent(
  others: readonly DomainSnapshot[],
  { name, parent }: DomainSnapshot,
  tree: SnapshotTree,
): DomainSnapshot[] {
  if (parent === undefined || childrenOf(tree, name).length > 0) return [...others];
  if (childrenOf(tree, parent).length > 1) return [...others];
  return others.map((record) =>
    record.name === parent && record.revertDisks
      ? withoutRevertDisks({ ...record, disks: replaceDisks(record.disks, record.revertDisks) })
      : record,
  );
}

/** What moves in a definition that opens overlays which are merged away. */
export function mergedAway(
  definition: DomainDefinition | undefined,
  merges: readonly MergeStep[],
): DiskRelocation[] {
  return merges
    .filter(({ into }) => into === "base")
    .filter(({ target, overlay }) => imageOf(definition, target)?.path === overlay.path)
    .map(({ target, base }) => relocationTo(target, base));
}

function withParent(
  { parent: _old, ...record }: DomainSnapshot,
  parent: string | undefined,
): DomainSnapshot {
  return parent === undefined ? record : { ...record, parent };
}

/** A record whose overlay was merged away names the one that has the content now. */
function followFiles(record: DomainSnapshot, merges: readonly MergeStep[]): DomainSnapshot {
  const paths = new Map(
    merges.flatMap(({ base, overlay, into }) =>
      into === "base" ? [] : [[base.path, overlay.path]],
    ),
  );
  const disks = renameFiles(record.disks, paths);
  const revertDisks = record.revertDisks && renameFiles(record.revertDisks, paths);
  if (disks === record.disks && revertDisks === record.revertDisks) return record;
  return { ...record, disks, ...(revertDisks ? { revertDisks } : {}) };
}
