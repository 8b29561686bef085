import {
  childrenOf,
  type DomainDefinition,
  type DomainSnapshot,
  type MergeStep,
  type SnapshotTree,
} from "../model/index.js";
import type { DiskRelocation } from "../ports/index.js";
import type { DeleteEffect } from "../rules/index.js";
import { imageOfDisk, renameFiles } from "./disk-images.js";
import { relocationTo, type RecordEdit } from "./document-edits.js";
import type { ImageNeeds } from "./image-needs.js";
import { replaceDisks, withoutRevertDisks } from "./record-disks.js";

/** What other records have to follow when a snapshot is deleted. */
export interface Following {
  readonly effect: Pick<DeleteEffect, "reparented">;
  readonly merges: readonly MergeStep[];
  readonly needs: Pick<ImageNeeds, "isSame" | "namesOf">;
  /** The records as they are stored, where some of those given differ already. */
  readonly before?: readonly DomainSnapshot[];
}

/** The records that change: new parents, and merged overlays replaced in stored definitions. */
export function followingRecords(
  records: readonly DomainSnapshot[],
  { effect: { reparented }, merges, before = records, needs }: Following,
): RecordEdit[] {
  const parents = new Map(reparented.map((child) => [child.name, child]));
  return records.flatMap((record) => {
    const child = parents.get(record.name);
    const linked = child ? withParent(record, child.parent) : record;
    const edit: RecordEdit = {
      snapshot: followFiles(linked, merges, needs),
      domain: mergedAway(record.domain, merges, needs),
      inactiveDomain: mergedAway(record.inactiveDomain, merges, needs),
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

/**
 * What moves in a definition that opens overlays which are merged away, whatever its disks are
 * called by now and by whatever names it opens them.
 */
export function mergedAway(
  definition: DomainDefinition | undefined,
  merges: readonly MergeStep[],
  needs: Pick<ImageNeeds, "isSame">,
): DiskRelocation[] {
  return (definition?.disks ?? []).flatMap((disk): DiskRelocation[] => {
    const path = imageOfDisk(disk)?.path;
    const merge = merges.find(
      ({ into, overlay }) =>
        into === "base" && path !== undefined && needs.isSame(path, overlay.path),
    );
    return merge ? [relocationTo(disk.target, merge.base)] : [];
  });
}

function withParent(
  { parent: _old, ...record }: DomainSnapshot,
  parent: string | undefined,
): DomainSnapshot {
  return parent === undefined ? record : { ...record, parent };
}

/** A record whose overlay was merged away names the one that has the content now. */
function followFiles(
  record: DomainSnapshot,
  merges: readonly MergeStep[],
  needs: Pick<ImageNeeds, "namesOf">,
): DomainSnapshot {
  const paths = new Map(
    merges.flatMap(({ base, overlay, into }) =>
      into === "base"
        ? []
        : needs.namesOf(base.path).map((name): [string, string] => [name, overlay.path]),
    ),
  );
  const disks = renameFiles(record.disks, paths);
  const revertDisks = record.revertDisks && renameFiles(record.revertDisks, paths);
  if (disks === record.disks && revertDisks === record.revertDisks) return record;
  return { ...record, disks, ...(revertDisks ? { revertDisks } : {}) };
}
