import { DomsnapError } from "../../errors/index.js";
import type { ProgressEvent } from "../../execute/progress-event.js";
import {
  childrenOf,
  isActive,
  type CreateFlags,
  type DiskSnapshot,
  type Domain,
  type DomainDefinition,
  type DomainSnapshot,
  type RevertFlags,
} from "../../model/index.js";
import { findDisk, imageOf } from "../../plan/disk-images.js";
import type { BackendId, Plan, StartMemory } from "../../model/operation.js";
import type { ParsedSnapshot } from "../../ports/index.js";
import { operationsOf } from "../../plan/plan-operations.js";
import { planRevert, type RevertFacts } from "../../plan/plan-revert.js";
import {
  assertRevertFlags,
  findSnapshot,
  revertTarget,
  type RevertTarget,
} from "../../rules/index.js";
import { assignBackends } from "../shared/choose-backend.js";
import {
  changeDomain,
  collectWarnings,
  runUnlessDry,
  type ServiceContext,
} from "../shared/context.js";
import { replaceDisks, withoutRevertDisks } from "../shared/record-disks.js";
import { foreignPathsOf } from "../shared/foreign-paths.js";
import { readAllRecords, readHeads, type Heads } from "../shared/records.js";
import { failureAfterKeeping, keepingSnapshot, keptName } from "./keep-current.js";
import type {
  ChangeOptions,
  CreateResult,
  RevertOptions,
  RevertResult,
} from "../shared/results.js";
import { unknownUsers } from "../shared/unknown-users.js";
import { decideRevert, leftOverlays, relocationsOf } from "./revert-disks.js";

/** Takes a snapshot of a domain that the caller holds: the use case of another verb. */
export type TakeSnapshot = (
  context: ServiceContext,
  domain: Domain,
  document: ParsedSnapshot,
  flags: CreateFlags,
  options: ChangeOptions,
) => Promise<CreateResult>;

/** See `SnapshotService.revert`; `take` keeps the present state where that is asked for. */
export function revertToSnapshot(
  context: ServiceContext,
  take: TakeSnapshot,
  reference: string,
  name: string,
  flags: RevertFlags,
  callerOptions: RevertOptions = {},
): Promise<RevertResult> {
  const { options, warnings, measures } = collectWarnings(callerOptions);
  return changeDomain(context, reference, options, async (domain) => {
    const plan = await planOf(context, domain, name, flags);
    const kept = callerOptions.keepCurrent
      ? await keepPresent(context, take, domain, name, options)
      : undefined;
    const { connection } = context;
    try {
      // The new snapshot is current, and the domain may be on other images.
      const again = kept?.executed === true;
      const present = again ? await connection.toolstack.findDomain(domain.uuid) : domain;
      const last = again ? await planOf(context, present, name, flags) : plan;
      const watched = connection.toolstack.touchesImages
        ? { ...options, onProgress: watchDowntime(last, options) }
        : options;
      await runUnlessDry(context, last, watched);
      const plans = [...(kept?.plans ?? []), last];
      return {
        domain,
        plans,
        executed: !options.dryRun,
        warnings: [...plans.flatMap((one) => one.warnings), ...warnings],
        ...measures((await connection.store.read(domain.uuid, name)).consistency),
        ...(kept ? { kept: kept.snapshot.name } : {}),
      };
    } catch (thrown) {
      throw kept ? failureAfterKeeping(thrown, kept.snapshot.name) : thrown;
    }
  });
}

/**
 * Measures how long nothing runs: from the end of the old guest until the new one goes on. A guest
 * that is left off or paused has no such time.
 */
function watchDowntime(plan: Plan, { onProgress }: ChangeOptions): (event: ProgressEvent) => void {
  const goesOn = operationsOf(plan).findLastIndex(
    (operation) =>
      operation.kind === "domain.resume" ||
      (operation.kind === "domain.start" && !operation.paused),
  );
  let stoppedAtMs: number | undefined;
  return (event) => {
    onProgress?.(event);
    if (event.type === "operation-started" && event.kind === "domain.stop")
      stoppedAtMs = performance.now();
    if (event.type !== "operation-finished" || event.index !== goesOn) return;
    if (stoppedAtMs === undefined) return;
    onProgress?.({ type: "measured", measures: { pauseMs: performance.now() - stoppedAtMs } });
    stoppedAtMs = undefined;
  };
}

/** Checks a revert and plans it. */
async function planOf(
  context: ServiceContext,
  domain: Domain,
  name: string,
  flags: RevertFlags,
): Promise<Plan> {
  const { toolstack, store } = context.connection;
  assertRevertFlags(flags, toolstack.rules);
  const heads = await readHeads(context, domain.uuid);
  findSnapshot(heads.tree, name);
  const snapshot = await store.read(domain.uuid, name);
  const target = revertTarget({ domain, snapshot, flags, rules: toolstack.rules });
  return planRevert(
    toolstack.touchesImages
      ? await revertOfImages(context, domain, snapshot, heads, target)
      : revertOfSimulation(context, domain, snapshot, target),
  );
}

/** The present state as a snapshot: a change of its own, which stays whatever the revert does. */
async function keepPresent(
  context: ServiceContext,
  take: TakeSnapshot,
  domain: Domain,
  target: string,
  options: ChangeOptions,
): Promise<CreateResult> {
  const { tree } = await readHeads(context, domain.uuid);
  const snapshot = await context.connection.store.read(domain.uuid, target);
  const name = keptName(context.nowSeconds(), tree.byName);
  return take(context, domain, keepingSnapshot(domain, snapshot, name), {}, options);
}

/** A simulation has a state and a definition, and nothing else to put back. */
function revertOfSimulation(
  context: ServiceContext,
  domain: Domain,
  snapshot: DomainSnapshot,
  target: RevertTarget,
): RevertFacts {
  return {
    domain,
    snapshot,
    disks: [],
    definition: recordedDefinition(context, domain, snapshot),
    leftOverlays: [],
    start: target.state === "shutoff" ? "off" : target.state,
    stop: isActive(domain),
    warnings: [],
  };
}

async function revertOfImages(
  context: ServiceContext,
  domain: Domain,
  snapshot: DomainSnapshot,
  heads: Heads,
  target: RevertTarget,
): Promise<RevertFacts> {
  const { toolstack } = context.connection;
  if (!toolstack.power) assertOffline(toolstack.uri, domain, snapshot, target);
  const records = await readAllRecords(context, domain.uuid, heads);
  const facts = {
    domain,
    snapshot,
    records,
    foreignPaths: foreignPathsOf(await toolstack.listDomains(), domain),
    probe: context.probe,
    nowSeconds: context.nowSeconds(),
  };
  const assigned = await assignBackends(context.backends, snapshot.domain, snapshot.disks, {
    verb: "revert",
    live: isActive(domain),
    captured: true,
  });
  const { steps, overlays } = await decideRevert(assigned, facts);
  const relocated = (base: DomainDefinition) =>
    context.documents.relocateDisks(base, relocationsOf(base, domain, snapshot, overlays));
  const definition = relocated(recordedDefinition(context, domain, snapshot));
  const current = records.find(({ name }) => name === heads.current?.name);
  const overlayBackendOf = (disk: DiskSnapshot) => overlayBackend(context, current, disk);
  return {
    domain,
    snapshot,
    disks: steps,
    definition,
    ...recordUpdates({ snapshot, overlays, heads, current }),
    leftOverlays: leftOverlays(current, definition, overlayBackendOf, facts),
    start: target.state === "shutoff" ? "off" : target.state,
    ...(target.fromMemory ? startFromMemory(context, domain, snapshot, relocated) : {}),
    stop: isActive(domain),
    warnings: await unknownUsers(toolstack),
  };
}

/**
 * What the guest goes on from, with the definition that was live when it was saved. Throws
 * `image-missing` when the memory is gone.
 */
function startFromMemory(
  context: ServiceContext,
  domain: Domain,
  snapshot: DomainSnapshot,
  relocated: (definition: DomainDefinition) => DomainDefinition,
): Pick<RevertFacts, "memory" | "startDefinition"> {
  const { memory } = snapshot;
  const live = snapshot.domain ?? domain.definition;
  const startDefinition = { startDefinition: relocated(underName(context, live, domain.name)) };
  if (memory?.mode !== "external") return { memory: internalMemory(snapshot), ...startDefinition };
  const file = memory.file ?? "";
  if (context.probe(file).kind === "absent")
    throw new DomsnapError(
      "image-missing",
      `the memory of snapshot '${snapshot.name}' is gone: '${file}'`,
      {
        hint: "bring the file back, or revert to a snapshot without memory",
      },
    );
  return { memory: { mode: "external", file }, ...startDefinition };
}

function internalMemory({ name, disks, domain }: DomainSnapshot): StartMemory {
  const internal = disks.filter(({ mode }) => mode === "internal");
  return {
    mode: "internal",
    snapshot: name,
    disks: internal.flatMap((disk) => {
      const image = imageOf(domain, disk.name);
      return image ? [{ target: disk.name, image }] : [];
    }),
  };
}

function assertOffline(
  uri: string,
  domain: Domain,
  snapshot: DomainSnapshot,
  target: RevertTarget,
): void {
  if (isActive(domain))
    throw new DomsnapError("operation-unsupported", `domain '${domain.name}' is ${domain.state}`, {
      hint: "shut the domain down first",
    });
  if (target.state !== "shutoff")
    throw new DomsnapError(
      "operation-unsupported",
      `'${uri}' does not run domains, and snapshot '${snapshot.name}' would leave the domain ${target.state}`,
      {
        hint: "leave --running and --paused out, and revert to snapshots of a domain that was off",
      },
    );
}

/** The definition to go back to, under the name that the domain has now (libvirt: rename-safe). */
function recordedDefinition(
  context: ServiceContext,
  domain: Domain,
  snapshot: DomainSnapshot,
): DomainDefinition {
  const recorded = snapshot.inactiveDomain ?? snapshot.domain ?? domain.definition;
  return underName(context, recorded, domain.name);
}

function underName(
  { documents }: ServiceContext,
  definition: DomainDefinition,
  name: string,
): DomainDefinition {
  return definition.name === name ? definition : documents.renameDomain(definition, name);
}

function overlayBackend(
  context: ServiceContext,
  current: DomainSnapshot | undefined,
  disk: DiskSnapshot,
): BackendId | undefined {
  const backend = context.backends.keeperOf(findDisk(current?.domain, disk.name), disk);
  return backend?.externalKind === "overlay" ? backend.id : undefined;
}

/**
 * libvirt 9.9's bookkeeping: the overlays of a revert become the snapshot's own disks, or its
 * `revertDisks` as long as its children stand on the earlier ones. The snapshot that was current
 * gives up its revert overlays.
 */
function recordUpdates({
  snapshot,
  overlays,
  heads,
  current,
}: {
  readonly snapshot: DomainSnapshot;
  readonly overlays: readonly DiskSnapshot[];
  readonly heads: Heads;
  readonly current: DomainSnapshot | undefined;
}): Pick<RevertFacts, "updatedSnapshot" | "updatedPrevious"> {
  const hasChildren = childrenOf(heads.tree, snapshot.name).length > 0;
  const updatedSnapshot = hasChildren
    ? { ...snapshot, revertDisks: overlays }
    : { ...snapshot, disks: replaceDisks(snapshot.disks, overlays) };
  const leaves = current && current.name !== snapshot.name && current.revertDisks;
  return {
    ...(overlays.length > 0 ? { updatedSnapshot } : {}),
    ...(leaves ? { updatedPrevious: withoutRevertDisks(current) } : {}),
  };
}
