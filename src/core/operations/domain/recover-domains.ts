import { asDomsnapError } from "../../errors/index.js";
import { recoverDomain } from "../../execute/recover.js";
import {
  awaitSettled,
  environmentFor,
  lockOptionsOf,
  type ServiceContext,
} from "../shared/context.js";
import type { LockInfo, RecoverOptions, Recovery } from "../shared/results.js";
import { openOperation } from "./open-operation.js";

/** See `SnapshotService.recover`. */
export async function recoverDomains(
  context: ServiceContext,
  reference: string | undefined,
  options: RecoverOptions = {},
): Promise<Recovery[]> {
  const { journal, toolstack } = context.connection;
  const uuids =
    reference === undefined ? await journal.list() : [(await toolstack.findDomain(reference)).uuid];
  const recoveries: Recovery[] = [];
  for (const uuid of uuids) {
    const recovery = await recoverOne(context, uuid, options);
    if (recovery) recoveries.push(recovery);
  }
  return recoveries;
}

/** One that fails does not keep the next domain from being recovered. */
async function recoverOne(
  context: ServiceContext,
  uuid: string,
  options: RecoverOptions,
): Promise<Recovery | undefined> {
  const { journal, lock } = context.connection;
  let found: Recovery = { domain: { uuid, name: uuid } };
  try {
    if (!options.dryRun) await endOrphans(context, uuid, options);
    return await lock.run(uuid, lockOptionsOf(options), async () => {
      const entry = await journal.read(uuid);
      if (!entry) return undefined;
      found = { domain: entry.plan.domain, operation: openOperation(entry) };
      if (options.dryRun) return found;
      await awaitSettled(context, uuid, options);
      const outcome = await recoverDomain(uuid, environmentFor(context, options));
      return outcome && { ...found, outcome };
    });
  } catch (thrown) {
    return { ...found, error: asDomsnapError(thrown) };
  }
}

async function endOrphans(
  { connection: { lock } }: ServiceContext,
  uuid: string,
  options: RecoverOptions,
): Promise<void> {
  if (!options.endOrphans || !lock.endOrphans) return;
  const { orphans = [] } = (await lock.holder(uuid)) ?? {};
  if (orphans.length > 0 && (await options.endOrphans(orphans))) await lock.endOrphans(uuid);
}

/** See `SnapshotService.locks`. */
export async function listLocks(context: ServiceContext): Promise<LockInfo[]> {
  const { journal, toolstack } = context.connection;
  const names = new Map((await toolstack.listDomains()).map(({ uuid, name }) => [uuid, name]));
  const uuids = new Set([...names.keys(), ...(await journal.list())]);
  const infos: LockInfo[] = [];
  for (const uuid of uuids) {
    const state = await lockState(context, uuid);
    if (state) infos.push({ domain: { uuid, name: names.get(uuid) ?? uuid }, ...state });
  }
  return infos;
}

async function lockState(
  { connection: { journal, lock } }: ServiceContext,
  uuid: string,
): Promise<Omit<LockInfo, "domain"> | undefined> {
  const holder = await lock.holder(uuid);
  const held = holder ? { holder } : {};
  try {
    const entry = await journal.read(uuid);
    if (entry) return { ...held, operation: openOperation(entry) };
    return holder && held;
  } catch (thrown) {
    return { ...held, error: asDomsnapError(thrown) };
  }
}
