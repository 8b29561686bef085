import { DomsnapError } from "../../errors/index.js";
import type { ProgressEvent } from "../../execute/progress-event.js";
import {
  isActive,
  type CreateFlags,
  type Domain,
  type DomainSnapshot,
  type Plan,
  type RevertFlags,
} from "../../model/index.js";
import { decideRevert } from "../../plan/decide-revert.js";
import type { ParsedSnapshot } from "../../ports/index.js";
import { operationsOf } from "../../plan/plan-operations.js";
import { planRevert, type RevertFacts } from "../../plan/plan-revert.js";
import { recordedDefinition } from "../../plan/reverted-definition.js";
import { assertRevertFlags, revertTarget, type RevertTarget } from "../../rules/index.js";
import {
  changeDomain,
  collectWarnings,
  runUnlessDry,
  type ServiceContext,
} from "../shared/context.js";
import { findHead, readHeads, type Heads } from "../shared/records.js";
import { failureAfterKeeping, keepingSnapshot, keptName } from "./keep-current.js";
import type {
  ChangeOptions,
  CreateResult,
  RevertOptions,
  RevertResult,
} from "../shared/results.js";
import { writeDefinition } from "../shared/write-documents.js";
import { gatherRevert } from "./revert-facts.js";

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
    const plan = await planOf(context, domain, name, flags, options);
    const kept = callerOptions.keepCurrent
      ? await keepPresent(context, take, domain, name, options)
      : undefined;
    const { connection } = context;
    try {
      // The new snapshot is current, and the domain may be on other images.
      const again = kept?.executed === true;
      const present = again ? await connection.toolstack.findDomain(domain.uuid) : domain;
      const last = again ? await planOf(context, present, name, flags, options) : plan;
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
  let downSinceMs: number | undefined;
  return (event) => {
    onProgress?.(event);
    if (event.type === "operation-started" && event.kind === "domain.stop")
      downSinceMs = performance.now();
    if (event.type !== "operation-finished" || event.index !== goesOn) return;
    if (downSinceMs === undefined) return;
    onProgress?.({ type: "measured", measures: { downtimeMs: performance.now() - downSinceMs } });
    downSinceMs = undefined;
  };
}

/** Checks a revert and plans it. */
async function planOf(
  context: ServiceContext,
  domain: Domain,
  name: string,
  flags: RevertFlags,
  options: ChangeOptions,
): Promise<Plan> {
  const { toolstack, store } = context.connection;
  assertRevertFlags(flags, toolstack.rules);
  const heads = await readHeads(context, domain.uuid);
  findHead(heads, name);
  const snapshot = await store.read(domain.uuid, name);
  const target = revertTarget({ domain, snapshot, flags, rules: toolstack.rules });
  return planRevert(
    toolstack.touchesImages
      ? await revertOfImages(context, domain, snapshot, heads, target, options)
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
    definition: writeDefinition(context.documents, recordedDefinition({ domain, snapshot })),
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
  options: ChangeOptions,
): Promise<RevertFacts> {
  const { toolstack } = context.connection;
  if (!toolstack.power) assertOffline(toolstack.uri, domain, snapshot, target);
  const decision = decideRevert(
    await gatherRevert(context, domain, snapshot, heads, target.fromMemory, options),
  );
  const { memory, definition, ...rest } = decision;
  return {
    domain,
    snapshot,
    ...rest,
    definition: writeDefinition(context.documents, definition),
    start: target.state === "shutoff" ? "off" : target.state,
    ...(memory
      ? {
          memory: memory.from,
          startDefinition: writeDefinition(context.documents, memory.definition),
        }
      : {}),
    stop: isActive(domain),
    warnings: [],
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
      hint: "Shut the domain down first.",
    });
  if (target.state !== "shutoff")
    throw new DomsnapError(
      "operation-unsupported",
      `'${uri}' does not run domains, and snapshot '${snapshot.name}' would leave the domain ${target.state}`,
      {
        hint: "Leave --running and --paused out, and revert to snapshots of a domain that was off.",
      },
    );
}
