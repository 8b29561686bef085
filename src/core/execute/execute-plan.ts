import { asDomsnapError, DomsnapError } from "../errors/index.js";
import type { OperationKind, Plan } from "../model/operation.js";
import type { Journal, JournalEntry, OperationContext } from "../ports/index.js";
import { bindHandler, type Handlers } from "./handlers.js";
import type { ProgressEvent } from "./progress-event.js";

export interface ExecutionEnvironment {
  readonly handlers: Handlers;
  readonly journal: Journal;
  readonly signal: AbortSignal;
  readonly emit: (event: ProgressEvent) => void;
}

/**
 * Runs a plan behind its journal. The caller holds the domain's lock.
 *
 * Each operation is written into the journal before it begins. That makes the mark "began
 * operation `commitAt`" the point of no return: whoever finds the journal before it undoes, after
 * it carries on. A failure is handled by the same rule, so a crash and an error end alike.
 *
 * Right before that point the handlers of all that is left are asked whether anything stands in the
 * way, so that an image that is in use fails a delete while nothing has changed.
 *
 * Throws the failure with its effect: `rolled-back`, or `partial` (code `unfinished`) when the
 * journal keeps what is left to do. Aborting counts as a failure before the point of no return;
 * after it only long merges under a running guest look at it, and stop so that they can go on.
 */
export async function executePlan(plan: Plan, environment: ExecutionEnvironment): Promise<void> {
  throwIfCancelled(environment.signal);
  await environment.journal.begin(plan);
  await carryOut(plan, NOTHING_BEGUN, environment);
}

/** Operations that happen at once or not at all, so that failing at the commit point is harmless. */
const ATOMIC: ReadonlySet<OperationKind> = new Set(["record.write"]);

/**
 * Operations that take as long as a guest likes. They look at an abort behind the point of no return,
 * too: then they stop where they can go on later, and the journal keeps them.
 */
const INTERRUPTIBLE: ReadonlySet<OperationKind> = new Set(["domain.merge"]);

type Marks = Pick<JournalEntry, "started" | "finished">;

const NOTHING_BEGUN: Marks = { started: new Set(), finished: new Set() };

/** Runs what is not finished yet, in order, and ends the journal. */
export async function carryOut(
  plan: Plan,
  { started, finished }: Marks,
  environment: ExecutionEnvironment,
): Promise<void> {
  for (let index = 0; index < plan.operations.length; index++) {
    if (finished.has(index)) continue;
    if (index === plan.commitAt && !started.has(index)) await precheckRest(plan, environment);
    try {
      if (index < plan.commitAt) throwIfCancelled(environment.signal);
      await environment.journal.started(plan.domain.uuid, index);
      await runOperation(plan, index, environment);
      await environment.journal.finished(plan.domain.uuid, index);
    } catch (thrown) {
      await fail(plan, index, asDomsnapError(thrown, "operation-failed"), environment);
    }
  }
  try {
    await environment.journal.end(plan.domain.uuid);
  } catch (thrown) {
    // All is done: recovery will find nothing but the journal to remove.
    throw unfinished(asDomsnapError(thrown));
  }
}

/** The last moment at which everything can be taken back. */
async function precheckRest(plan: Plan, environment: ExecutionEnvironment): Promise<void> {
  try {
    for (let index = plan.commitAt; index < plan.operations.length; index++)
      await bindHandler(environment.handlers, operationAt(plan, index)).precheck(
        contextFor(plan, index, environment),
      );
  } catch (thrown) {
    await giveUp(plan, plan.commitAt - 1, asDomsnapError(thrown), environment);
  }
}

async function runOperation(
  plan: Plan,
  index: number,
  environment: ExecutionEnvironment,
): Promise<void> {
  const operation = operationAt(plan, index);
  const handler = bindHandler(environment.handlers, operation);
  const context = contextFor(plan, index, environment);
  const event = { kind: operation.kind, index, total: plan.operations.length };
  environment.emit({ type: "operation-started", ...event });
  await handler.run(context);
  if (operation.kind.startsWith("disks.") && (await handler.settle(context)) !== "done")
    throw new DomsnapError(
      "operation-failed",
      `'${operation.kind}' reported success, but its result is not there`,
    );
  environment.emit({ type: "operation-finished", ...event });
}

async function fail(
  plan: Plan,
  index: number,
  error: DomsnapError,
  environment: ExecutionEnvironment,
): Promise<never> {
  if (!(await canRollBack(plan, index, environment))) throw unfinished(error);
  return giveUp(plan, index, error, environment);
}

/** Undoes all operations up to one, and throws the failure that is the reason. */
async function giveUp(
  plan: Plan,
  last: number,
  error: DomsnapError,
  environment: ExecutionEnvironment,
): Promise<never> {
  const began = Array.from({ length: last + 1 }, (_, index) => index);
  try {
    await rollBack(plan, began, environment);
  } catch (thrown) {
    throw unfinished(error, asDomsnapError(thrown));
  }
  throw error.withEffect("rolled-back");
}

async function canRollBack(
  plan: Plan,
  index: number,
  environment: ExecutionEnvironment,
): Promise<boolean> {
  if (index !== plan.commitAt) return index < plan.commitAt;
  const operation = operationAt(plan, index);
  if (!ATOMIC.has(operation.kind)) return false;
  const handler = bindHandler(environment.handlers, operation);
  const settled = await handler
    .settle(contextFor(plan, index, environment))
    .catch(() => "unknown" as const);
  return settled === "not-done";
}

/** Undoes the operations that began, last first, and ends the journal. */
export async function rollBack(
  plan: Plan,
  began: readonly number[],
  environment: ExecutionEnvironment,
): Promise<void> {
  for (const index of [...began].sort((a, b) => b - a)) {
    const operation = operationAt(plan, index);
    const event = { kind: operation.kind, index, total: plan.operations.length };
    environment.emit({ type: "undo-started", ...event });
    // Undoing must not be cut short by the abort that caused it.
    const context = contextFor(plan, index, environment, new AbortController().signal);
    await bindHandler(environment.handlers, operation).undo(context);
    environment.emit({ type: "undo-finished", ...event });
  }
  await environment.journal.end(plan.domain.uuid);
}

function contextFor(
  plan: Plan,
  index: number,
  environment: ExecutionEnvironment,
  signal = signalFor(plan, index, environment),
): OperationContext {
  const { kind } = operationAt(plan, index);
  const event = { kind, index, total: plan.operations.length };
  return {
    domain: plan.domain,
    signal,
    progress: (progress) => {
      environment.emit({ type: "operation-progress", ...event, ...progress });
    },
    warn: (message) => {
      environment.emit({ type: "warning", message });
    },
    report: (measures) => {
      environment.emit({ type: "measured", measures });
    },
  };
}

function signalFor(plan: Plan, index: number, { signal }: ExecutionEnvironment): AbortSignal {
  const heeded = index < plan.commitAt || INTERRUPTIBLE.has(operationAt(plan, index).kind);
  return heeded ? signal : new AbortController().signal;
}

function operationAt(plan: Plan, index: number) {
  const operation = plan.operations[index];
  if (!operation)
    throw new DomsnapError("recovery-failed", `the plan has no operation number ${String(index)}`);
  return operation;
}

function throwIfCancelled(signal: AbortSignal): void {
  if (signal.aborted) throw new DomsnapError("cancelled", "cancelled by the user");
}

function unfinished(error: DomsnapError, undoError?: DomsnapError): DomsnapError {
  const detail = undoError
    ? `${error.message}; rolling back failed: ${undoError.message}`
    : error.message;
  return new DomsnapError("unfinished", detail, {
    cause: error,
    effect: "partial",
    hint:
      (error.hint === undefined ? "" : `${error.hint}; `) +
      "the journal keeps the rest: the next command on this domain goes on with it",
  });
}
