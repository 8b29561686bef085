import { asDomsnapError, DomsnapError } from "../../errors/index.js";
import type { Domain } from "../../model/index.js";
import type { OperationKind } from "../../model/operation.js";
import { operationsOf } from "../../plan/plan-operations.js";
import type { DomainPower, Toolstack } from "../../ports/index.js";
import {
  awaitSettled,
  changeDomain,
  identify,
  lockOptionsOf,
  type ServiceContext,
} from "../shared/context.js";
import { LIBVIRT_CALLS, type PowerAction } from "./power-action.js";
import type { ChangeOptions } from "../shared/results.js";

/**
 * See `SnapshotService.switchPower`. To switch a guest off is never kept waiting: it is what a crash of
 * its hypervisor would be, which whoever works on the domain has to expect anyway. To pause and let
 * go on waits for whoever works, and for a repair only where that decides how the guest may go on. A
 * start needs images that are settled.
 */
export async function switchPower(
  context: ServiceContext,
  reference: string,
  action: PowerAction,
  options: ChangeOptions = {},
): Promise<Domain> {
  const { toolstack, lock } = context.connection;
  const { power } = toolstack;
  if (!power)
    throw new DomsnapError("no-support", LIBVIRT_CALLS[action.verb], {
      hint: `Use the connection of a hypervisor: '${toolstack.uri}' does not run domains.`,
    });
  const switchIt = async ({ uuid }: { readonly uuid: string }) => {
    const before = await (toolstack.glance?.(uuid) ?? toolstack.findDomain(uuid));
    if (!options.dryRun) await carryOut(power, uuid, action);
    return findAfter(toolstack, before);
  };
  const { uuid } = await identify(context, reference);
  switch (action.verb) {
    case "destroy":
    case "shutdown":
      return withoutWaiting(context, uuid, () => switchIt({ uuid }));
    case "suspend":
    case "resume":
      if (await repairDecides(context, uuid)) return changeDomain(context, uuid, options, switchIt);
      return lock.run(uuid, lockOptionsOf(options), async () => {
        await awaitSettled(context, uuid, options);
        return switchIt({ uuid });
      });
    case "start":
      return changeDomain(context, uuid, options, switchIt);
  }
}

/** Under the domain's lock where nobody has it. */
async function withoutWaiting<Result>(
  { connection: { lock } }: ServiceContext,
  uuid: string,
  work: () => Promise<Result>,
): Promise<Result> {
  let begun = false;
  try {
    return await lock.run(uuid, { timeoutMs: 0 }, () => {
      begun = true;
      return work();
    });
  } catch (thrown) {
    if (begun || asDomsnapError(thrown).code !== "locked") throw thrown;
    return work();
  }
}

/**
 * Whoever finds these half done may have to start the guest again, or to unlink what the guest must
 * not be taken to write to: before that it may not go on.
 */
const DECIDING: ReadonlySet<OperationKind> = new Set(["domain.start", "domain.merge"]);

/** Whether an interrupted change has to be settled before the guest may go on. */
async function repairDecides(
  { connection: { journal } }: ServiceContext,
  uuid: string,
): Promise<boolean> {
  const entry = await journal.read(uuid).catch(() => undefined);
  if (!entry) return false;
  return operationsOf(entry.plan).some(
    ({ kind }, at) => DECIDING.has(kind) && entry.started.has(at) && !entry.finished.has(at),
  );
}

/** A domain without a definition is gone when it has stopped. */
async function findAfter(toolstack: Toolstack, before: Domain): Promise<Domain> {
  try {
    return await toolstack.findDomain(before.uuid);
  } catch (thrown) {
    if (before.persistent || asDomsnapError(thrown).code !== "no-domain") throw thrown;
    const { id: _gone, ...domain } = before;
    return { ...domain, state: "shutoff" };
  }
}

function carryOut(power: DomainPower, uuid: string, action: PowerAction): Promise<void> {
  switch (action.verb) {
    case "start":
      return power.start(uuid, { paused: action.paused });
    case "destroy":
      return power.destroy(uuid, { graceful: action.graceful === true });
    default:
      return power[action.verb](uuid);
  }
}
