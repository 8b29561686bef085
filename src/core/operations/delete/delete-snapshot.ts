import {
  childrenOf,
  isActive,
  type DeleteFlags,
  type Domain,
  type DomainDefinition,
  type DomainSnapshot,
} from "../../model/index.js";
import { imageOf, renameFiles } from "../../plan/disk-images.js";
import type { MergeStep, Plan } from "../../model/index.js";
import { planDelete } from "../../plan/plan-delete.js";
import type { SnapshotDocuments } from "../../ports/index.js";
import { deleteEffect, type DeleteEffect } from "../../rules/index.js";
import { assignBackends } from "../shared/choose-backend.js";
import {
  changeDomain,
  collectWarnings,
  runUnlessDry,
  type ServiceContext,
} from "../shared/context.js";
import { assertRemovable, findOpenImages, memoryFileOf } from "./live-delete.js";
import { foreignPathsOf } from "../shared/foreign-paths.js";
import { decideRemoval, type ImageRemoval } from "./delete-images.js";
import { unknownUsers } from "../shared/unknown-users.js";
import { readAllRecords, readHeads, type Heads } from "../shared/records.js";
import type { ChangeOptions, ChangeResult } from "../shared/results.js";
import { replaceDisks, withoutRevertDisks } from "../shared/record-disks.js";

/**
 * See `SnapshotService.delete`. Descendants go one by one, leaves first, each by a plan of its
 * own, so that every state between is whole.
 */
export function deleteSnapshot(
  context: ServiceContext,
  reference: string,
  name: string,
  flags: DeleteFlags,
  callerOptions: ChangeOptions = {},
): Promise<ChangeResult> {
  const { options, warnings, measures } = collectWarnings(callerOptions);
  return changeDomain(context, reference, options, async (domain) => {
    const { rules } = context.connection.toolstack;
    const heads = await readHeads(context, domain.uuid);
    const whole = deleteEffect({ name, flags, rules, ...treeOf(heads) });
    const plans: Plan[] = [];
    for (const victim of whole.removed) {
      const present = options.dryRun ? domain : await refetch(context, domain);
      const plan = await planOne(context, present, victim, flags);
      await runUnlessDry(context, plan, options);
      plans.push(plan);
    }
    return {
      domain,
      plans,
      executed: !options.dryRun,
      warnings: [...plans.flatMap((plan) => plan.warnings), ...warnings],
      ...measures(),
    };
  });
}

function refetch({ connection }: ServiceContext, { uuid }: Domain): Promise<Domain> {
  return connection.toolstack.findDomain(uuid);
}

function treeOf({ tree, current }: Heads) {
  return { tree, current: current?.name };
}

async function planOne(
  context: ServiceContext,
  domain: Domain,
  name: string,
  flags: DeleteFlags,
): Promise<Plan> {
  const { toolstack, store } = context.connection;
  const heads = await readHeads(context, domain.uuid);
  const effect = deleteEffect({
    name,
    flags: { metadataOnly: flags.metadataOnly === true },
    rules: toolstack.rules,
    ...treeOf(heads),
  });
  const current = heads.current?.name === name ? { name: effect.current } : "keep";
  const touchesImages = toolstack.touchesImages && flags.metadataOnly !== true;
  if (!touchesImages) {
    const children = await Promise.all(
      effect.reparented.map((child) => store.read(domain.uuid, child.name)),
    );
    return planDelete({
      domain,
      snapshot: name,
      ...NO_IMAGES,
      updatedRecords: updateRecords(context.documents, children, effect, NO_IMAGES.merges),
      current,
    });
  }
  const removal = await removalOf(context, domain, name, heads);
  const present = domain.inactiveDefinition ?? domain.definition;
  const definition = mergedDefinition(context.documents, present, removal.images.merges);
  return planDelete({
    domain,
    snapshot: name,
    ...removal.images,
    updatedRecords: updateRecords(
      context.documents,
      settleParent(removal.others, removal.snapshot, heads),
      effect,
      removal.images.merges,
      removal.others,
    ),
    current,
    ...(definition === present ? {} : { definition }),
    ...(removal.openImages ? { openImages: removal.openImages } : {}),
    ...memoryFileOf(context, domain, removal.snapshot, removal.others),
  });
}

const NO_IMAGES: ImageRemoval = { removals: [], merges: [], discards: [], warnings: [] };

async function removalOf(context: ServiceContext, domain: Domain, name: string, heads: Heads) {
  const { toolstack, store } = context.connection;
  const snapshot = await store.read(domain.uuid, name);
  const others = (await readAllRecords(context, domain.uuid, heads)).filter(
    (record) => record.name !== name,
  );
  const assigned = await assignBackends(context.backends, snapshot.domain, snapshot.disks, {
    verb: "delete",
    live: isActive(domain),
    captured: toolstack.live !== undefined,
  });
  const foreignPaths = foreignPathsOf(await toolstack.listDomains(), domain);
  const live =
    isActive(domain) && toolstack.live ? await findOpenImages(context, domain) : undefined;
  const images = await decideRemoval(assigned, {
    ...{ backends: context.backends, domain, snapshot, others, foreignPaths },
    ...(live ? { openImages: live } : {}),
  });
  if (live) assertRemovable(snapshot.name, images.removals, live, domain);
  const warnings = [...images.warnings, ...(await unknownUsers(toolstack))];
  return {
    snapshot,
    others,
    images: { ...images, warnings },
    ...(live ? { openImages: live } : {}),
  };
}

/**
 * When the last child of a snapshot goes, the overlays of a revert become its own disks
 * (libvirt 9.9: `revertDisks`).
 */
function settleParent(
  others: readonly DomainSnapshot[],
  { name, parent }: DomainSnapshot,
  { tree }: Heads,
): DomainSnapshot[] {
  if (parent === undefined || childrenOf(tree, name).length > 0) return [...others];
  if (childrenOf(tree, parent).length > 1) return [...others];
  return others.map((record) =>
    record.name === parent && record.revertDisks
      ? withoutRevertDisks({ ...record, disks: replaceDisks(record.disks, record.revertDisks) })
      : record,
  );
}

/** The records that change: new parents, and merged overlays replaced in stored definitions. */
function updateRecords(
  documents: SnapshotDocuments,
  records: readonly DomainSnapshot[],
  { reparented }: DeleteEffect,
  merges: readonly MergeStep[],
  before: readonly DomainSnapshot[] = records,
): DomainSnapshot[] {
  const parents = new Map(reparented.map((child) => [child.name, child]));
  return records.flatMap((record) => {
    const child = parents.get(record.name);
    const linked = child ? withParent(record, child.parent) : record;
    const snapshot = relocateRecord(documents, followFiles(linked, merges), merges);
    const previous = before.find(({ name }) => name === record.name) ?? record;
    return snapshot === previous ? [] : snapshot;
  });
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

function relocateRecord(
  documents: SnapshotDocuments,
  record: DomainSnapshot,
  merges: readonly MergeStep[],
): DomainSnapshot {
  const { domain, inactiveDomain } = record;
  const movedDomain = domain && mergedDefinition(documents, domain, merges);
  const movedInactive = inactiveDomain && mergedDefinition(documents, inactiveDomain, merges);
  if (movedDomain === domain && movedInactive === inactiveDomain) return record;
  return {
    ...record,
    ...(movedDomain ? { domain: movedDomain } : {}),
    ...(movedInactive ? { inactiveDomain: movedInactive } : {}),
  };
}

/** The definition with every merged overlay replaced by the image that took its content. */
function mergedDefinition(
  documents: SnapshotDocuments,
  definition: DomainDefinition,
  merges: readonly MergeStep[],
): DomainDefinition {
  const relocations = merges
    .filter(({ into }) => into === "base")
    .filter(({ target, overlay }) => imageOf(definition, target)?.path === overlay.path)
    .map(({ target, base }) => ({
      target,
      type: base.type,
      source: { path: base.path },
      format: base.format,
    }));
  return relocations.length > 0 ? documents.relocateDisks(definition, relocations) : definition;
}
