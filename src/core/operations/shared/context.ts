import { asDomsnapError, type DomsnapError } from "../../errors/index.js";
import type { ExecutionEnvironment } from "../../execute/execute-plan.js";
import { executePlan, rehearsePlan } from "../../execute/execute-plan.js";
import { recordOperations } from "../../execute/record-operations.js";
import { recoverDomain } from "../../execute/recover.js";
import type { Consistency, Domain, DomainName } from "../../model/index.js";
import type { Plan } from "../../model/operation.js";
import type { BackendRegistry } from "../../plan/backend-registry.js";
import { demandsOf } from "../../plan/plan-demands.js";
import type { ImageInspectors } from "../../plan/image-inspectors.js";
import type {
  Connection,
  FileProbe,
  HostFiles,
  LockOptions,
  LookAtMemory,
  OperationMeasures,
  SnapshotDocuments,
  SnapshotExchange,
} from "../../ports/index.js";
import type { ChangeOptions } from "./results.js";
import type { ClaimedImages } from "./claimed-images.js";
import type { StateStorages } from "./state-storages.js";

/** What every use case works with: one connection and the plugins around it. */
export interface ServiceContext {
  readonly connection: Connection;
  readonly backends: BackendRegistry;
  readonly inspectors: ImageInspectors;
  readonly documents: SnapshotDocuments;
  readonly probe: FileProbe;
  readonly files: HostFiles;
  readonly lookAtMemory: LookAtMemory;
  readonly storages: StateStorages;
  readonly claimed: ClaimedImages;
  /** Loaded when it is first asked for, as few calls need it. */
  readonly exchange: () => Promise<SnapshotExchange>;
  /** Where files of every domain may be, with all below; see `Trust`. */
  readonly trustedFolders: readonly string[];
  /** Seconds since the epoch. */
  readonly nowSeconds: () => bigint;
}

const DEFAULT_LOCK_TIMEOUT_MS = 30_000;
/** A program of a domsnap that was killed may still be ending, and holds the lock until it has. */
const READER_PATIENCE_MS = 1000;

/**
 * Runs a change of one domain: resolves the domain, takes its lock, settles what an earlier process
 * left, and resolves again, since both may have changed it.
 */
export async function changeDomain<Result>(
  context: ServiceContext,
  reference: string,
  options: ChangeOptions,
  work: (domain: Domain) => Promise<Result>,
): Promise<Result> {
  const { lock, toolstack } = context.connection;
  const found = await toolstack.findDomain(reference);
  toolstack.assertOwn?.(found);
  const { uuid } = found;
  return lock.run(uuid, lockOptionsOf(options), async () => {
    await awaitSettled(context, uuid, options);
    await recoverDomain(uuid, environmentFor(context, options));
    return context.claimed.deciding(uuid, async () => work(await toolstack.findDomain(uuid)));
  });
}

/** Waits until no other tool is just starting or ending a domain; see `Toolstack.awaitSettled`. */
export async function awaitSettled(
  { connection: { toolstack } }: ServiceContext,
  uuid: string,
  { signal }: Pick<ChangeOptions, "signal">,
): Promise<void> {
  if (!toolstack.awaitSettled) return;
  const known = (await toolstack.listDomains()).find((domain) => domain.uuid === uuid);
  if (known) await toolstack.awaitSettled(known, signal);
}

export function lockOptionsOf({ lockTimeoutMs, signal }: ChangeOptions): LockOptions {
  return {
    timeoutMs: lockTimeoutMs ?? DEFAULT_LOCK_TIMEOUT_MS,
    ...(signal ? { signal } : {}),
  };
}

/** Resolves a domain without asking whoever runs it; see `Toolstack.identify`. */
export async function identify(
  { connection: { toolstack } }: ServiceContext,
  reference: string,
): Promise<DomainName> {
  const find = toolstack.identify ? toolstack.identify(reference) : toolstack.findDomain(reference);
  const { name, uuid } = await find;
  return { name, uuid };
}

/** A domain whose records can be read, and why an interrupted operation on it could not be settled. */
export interface ReadableDomain {
  readonly domain: DomainName;
  readonly unsettled?: DomsnapError;
}

/**
 * Resolves a domain for reading. If an earlier process was interrupted on it, that is settled
 * first. While another process is at work, or when settling fails, the committed records are shown
 * as they are: reading never depends on a repair.
 */
export async function readDomain(
  context: ServiceContext,
  reference: string,
): Promise<ReadableDomain> {
  const { lock, journal } = context.connection;
  const domain = await identify(context, reference);
  try {
    if (!(await journal.read(domain.uuid))) return { domain };
    await lock.run(domain.uuid, { timeoutMs: READER_PATIENCE_MS }, async () => {
      await awaitSettled(context, domain.uuid, {});
      await recoverDomain(
        domain.uuid,
        environmentFor(context, { lockTimeoutMs: READER_PATIENCE_MS }),
      );
    });
    return { domain };
  } catch (thrown) {
    const error = asDomsnapError(thrown);
    return error.code === "locked" ? { domain } : { domain, unsettled: error };
  }
}

/**
 * Asks whether the host would let a plan be carried out, then does so unless it is a dry run: one
 * that succeeds is to be followed by a run that succeeds. `follows`: other plans are to be carried out
 * before, so a dry run cannot know all that this one will find.
 */
export async function runUnlessDry(
  context: ServiceContext,
  plan: Plan,
  options: ChangeOptions,
  { follows = false }: { readonly follows?: boolean } = {},
): Promise<void> {
  const environment = environmentFor(context, options);
  if (context.connection.toolstack.touchesImages) await context.files.assertUsable(demandsOf(plan));
  const alone = options.dryRun === true && !follows;
  await rehearsePlan(plan, environment, { alone });
  if (!options.dryRun) await executePlan(plan, environment);
}

/** Collects what handlers warned of and measured, beside passing every event on. */
export function collectWarnings(options: ChangeOptions): {
  readonly options: ChangeOptions;
  readonly warnings: string[];
  /** What was measured so far; `consistency` is told with it, if anything was measured. */
  readonly measures: (consistency?: Consistency) => { readonly measures?: OperationMeasures };
} {
  const warnings: string[] = [];
  let measures: OperationMeasures | undefined;
  return {
    warnings,
    measures: (consistency) =>
      measures ? { measures: { ...measures, ...(consistency && { consistency }) } } : {},
    options: {
      ...options,
      onProgress: (event) => {
        if (event.type === "warning") warnings.push(event.message);
        if (event.type === "measured") measures = addMeasures(measures, event.measures);
        options.onProgress?.(event);
      },
    },
  };
}

/** Times and bytes of the parts of a change are summed up; of consistencies the last one holds. */
function addMeasures(
  before: OperationMeasures | undefined,
  next: OperationMeasures,
): OperationMeasures {
  const sum = (key: "downtimeMs" | "frozenMs" | "bytesWritten") =>
    before?.[key] === undefined && next[key] === undefined
      ? {}
      : { [key]: (before?.[key] ?? 0) + (next[key] ?? 0) };
  return { ...before, ...next, ...sum("downtimeMs"), ...sum("frozenMs"), ...sum("bytesWritten") };
}

export function environmentFor(
  { connection, backends, files, claimed }: ServiceContext,
  options: ChangeOptions,
): ExecutionEnvironment {
  return {
    whileClaimed: (plan, work) => claimed.whileClaimed(plan, lockOptionsOf(options), work),
    journal: connection.journal,
    identify: (path) => files.identify(path),
    signal: options.signal ?? new AbortController().signal,
    emit: options.onProgress ?? (() => undefined),
    handlers: {
      disks: (id) => backends.byId(id).operations,
      domain: connection.toolstack.operations,
      records: recordOperations(connection.store),
    },
  };
}
