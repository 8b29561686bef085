import { asDomsnapError, DomsnapError } from "../errors/index.js";
import { newToken } from "../model/temporary-name.js";
import type { Operation, OperationKind, Plan } from "../model/operation.js";
import type { HostFiles, Journal, JournalEntry, OperationContext } from "../ports/index.js";
import { assertNoStrangers, survey } from "./known-places.js";
import { bindWork, type BoundWork, type Handlers } from "./handlers.js";
import { PlanEvidence } from "./plan-evidence.js";
import type { ProgressEvent } from "./progress-event.js";

export interface ExecutionEnvironment {
  readonly handlers: Handlers;
  readonly journal: Journal;
  /** Runs work on a plan's images while nobody else uses them. Throws `locked`. */
  readonly whileClaimed: (plan: Plan, work: () => Promise<void>) => Promise<void>;
  readonly identify: HostFiles["identify"];
  readonly signal: AbortSignal;
  readonly emit: (event: ProgressEvent) => void;
}

/**
 * Runs a plan behind its journal. The caller holds the domain's lock.
 *
 * A plan with an operation that nobody can carry out is refused before anything is written. Each
 * operation is written into the journal before it begins. The mark of the first operation after the
 * commit point decides: whoever finds the journal without it undoes, with it carries on. A failure
 * is handled by the same rule, so a crash and an error end alike. Where there is no such operation
 * the mark has the number that it would have.
 *
 * An operation that commits itself is marked right before its first change that cannot be taken back,
 * so that a merge that never wrote a byte is given up.
 *
 * Right before that point the handlers of all that is left are asked whether anything stands in the
 * way, so that an image that is in use fails a delete while nothing has changed.
 *
 * Throws the failure with its effect: `rolled-back`, or `partial` (code `unfinished`) when the
 * journal keeps what is left to do. Aborting counts as a failure before the commit point;
 * after it only long merges under a running guest look at it, and stop so that they can go on.
 */
export async function executePlan(plan: Plan, environment: ExecutionEnvironment): Promise<void> {
  throwIfCancelled(environment.signal);
  for (const operation of [...plan.before, ...plan.after])
    bindWork(environment.handlers, operation);
  await environment.whileClaimed(plan, async () => {
    const beginning = { plan, token: newToken(), found: await survey(plan, environment.identify) };
    await environment.journal.begin(beginning);
    const nothing = { started: new Set<number>(), finished: new Set<number>() };
    await new Execution({ ...beginning, made: [] }, environment).carryOut(nothing);
  });
}

/**
 * Asks, before anything begins, whoever carries out a plan whether the host would let it; see
 * `OperationWork.rehearse`. `alone`: nothing is to be done before the plan, so all that would be asked at
 * a commit point that it begins with is asked now. Changes nothing.
 */
export async function rehearsePlan(
  plan: Plan,
  environment: ExecutionEnvironment,
  { alone }: { readonly alone: boolean },
): Promise<void> {
  for (const operation of [...plan.before, ...plan.after])
    await bindWork(environment.handlers, operation).rehearse();
  if (!alone || plan.before.length > 0) return;
  const found = await survey(plan, environment.identify);
  await new Execution({ plan, token: newToken(), found, made: [] }, environment).precheck();
}

/** Operations that happen at once or not at all, so that failing at the commit point is harmless. */
const ATOMIC: ReadonlySet<OperationKind> = new Set(["record.write"]);

/**
 * Operations that take as long as a guest likes. They look at an abort after the commit point, too:
 * then they stop where they can go on later, and the journal keeps them.
 */
const INTERRUPTIBLE: ReadonlySet<OperationKind> = new Set(["domain.merge"]);

type Marks = Pick<JournalEntry, "started" | "finished">;

/** One plan under way. Operations are known by their places, the second half behind the first. */
export class Execution {
  readonly #plan: Plan;
  readonly #operations: readonly Operation[];
  readonly #commitAt: number;
  readonly #evidence: PlanEvidence;
  /** Operations that the journal says have begun, or may say so. */
  readonly #begun = new Set<number>();

  constructor(
    entry: Pick<JournalEntry, "plan" | "token" | "found" | "made">,
    private readonly environment: ExecutionEnvironment,
  ) {
    this.#plan = entry.plan;
    this.#operations = [...entry.plan.before, ...entry.plan.after];
    this.#commitAt = entry.plan.before.length;
    this.#evidence = new PlanEvidence(entry, entry.plan.domain.uuid, environment.journal);
  }

  /** Whether the commit point was passed. */
  isCommitted({ started }: Pick<Marks, "started">): boolean {
    return started.has(this.#commitAt);
  }

  /** Runs what is not finished yet, in order, and ends the journal. */
  async carryOut({ started, finished }: Marks): Promise<void> {
    const { journal, signal } = this.environment;
    const { uuid } = this.#plan.domain;
    for (const index of started) this.#begun.add(index);
    for (const [index] of this.#operations.entries()) {
      if (finished.has(index)) continue;
      if (index === this.#commitAt && !started.has(index)) await this.#precheckRest();
      try {
        if (index < this.#commitAt) throwIfCancelled(signal);
        if (index > this.#commitAt) await this.#work(index).safeguard(this.#context(index));
        if (!this.#commitsItself(index)) await this.#begin(index);
        await this.#run(index);
        // What found nothing to do has begun, too.
        await this.#begin(index);
        await journal.finished(uuid, index);
      } catch (thrown) {
        await this.#fail(index, asDomsnapError(thrown, "operation-failed"));
      }
    }
    if (this.#commitAt === this.#operations.length) await this.#markCommit();
    try {
      await journal.end(uuid);
    } catch (thrown) {
      // All is done: recovery will find nothing but the journal to remove.
      throw unfinished(asDomsnapError(thrown));
    }
  }

  /** Asks of all that is behind the commit point whether anything stands in the way. */
  async precheck(): Promise<void> {
    for (let index = this.#commitAt; index < this.#operations.length; index++) {
      await assertNoStrangers(this.#at(index), this.#evidence, this.environment.identify);
      await this.#work(index).precheck(this.#context(index));
    }
  }

  /** Undoes the operations that began, last first, and ends the journal. */
  async rollBack(began: readonly number[]): Promise<void> {
    for (const index of [...began].sort((a, b) => b - a)) {
      const event = this.#eventOf(index);
      this.environment.emit({ type: "undo-started", ...event });
      // Undoing must not be cut short by the abort that caused it.
      await this.#work(index).undo(this.#context(index, new AbortController().signal));
      this.environment.emit({ type: "undo-finished", ...event });
    }
    await this.environment.journal.end(this.#plan.domain.uuid);
  }

  /** Durable when this returns: it is written before anything is done. */
  async #begin(index: number): Promise<void> {
    if (this.#begun.has(index)) return;
    this.#begun.add(index);
    await this.environment.journal.started(this.#plan.domain.uuid, index);
  }

  /** Whether an operation at the commit point tells itself when that is passed. */
  #commitsItself(index: number): boolean {
    return index === this.#commitAt && this.#work(index).commits;
  }

  /** See `OperationContext.commit`. Until then an abort counts. */
  async #commit(index: number): Promise<void> {
    if (!this.#commitsItself(index) || this.#begun.has(index)) return;
    throwIfCancelled(this.environment.signal);
    await this.#begin(index);
  }

  /** Of a plan without a second half, whose commit no operation marks. */
  async #markCommit(): Promise<void> {
    try {
      await this.#begin(this.#commitAt);
    } catch (thrown) {
      await this.#giveUp(asDomsnapError(thrown), this.#commitAt - 1);
    }
  }

  /** The last moment at which everything can be taken back. */
  async #precheckRest(): Promise<void> {
    try {
      await this.precheck();
    } catch (thrown) {
      await this.#giveUp(asDomsnapError(thrown), this.#commitAt - 1);
    }
  }

  async #run(index: number): Promise<void> {
    const operation = this.#at(index);
    const { kind } = operation;
    const work = this.#work(index);
    const context = this.#context(index);
    this.environment.emit({ type: "operation-started", ...this.#eventOf(index) });
    if (index >= this.#commitAt)
      await assertNoStrangers(operation, this.#evidence, this.environment.identify);
    await work.run(context);
    if (kind.startsWith("disks.") && (await work.settle(context)) !== "done")
      throw new DomsnapError(
        "operation-failed",
        `'${kind}' reported success, but its result is not there`,
      );
    this.environment.emit({ type: "operation-finished", ...this.#eventOf(index) });
  }

  async #fail(index: number, error: DomsnapError): Promise<never> {
    if (index < this.#commitAt) return this.#giveUp(error, index);
    if (index === this.#commitAt && !this.#begun.has(index)) return this.#giveUp(error, index - 1);
    if (index === this.#commitAt && (await this.#hasNotHappened(index)))
      return this.#giveUp(error, index - 1);
    throw unfinished(error);
  }

  /** Whether an operation that happens at once or not at all has not. */
  async #hasNotHappened(index: number): Promise<boolean> {
    if (!ATOMIC.has(this.#at(index).kind)) return false;
    const settled = await this.#work(index)
      .settle(this.#context(index))
      .catch(() => "unknown" as const);
    return settled === "not-done";
  }

  /** Undoes all operations up to one, and throws the failure that is the reason. */
  async #giveUp(error: DomsnapError, last: number): Promise<never> {
    const began = Array.from({ length: last + 1 }, (_, index) => index);
    try {
      await this.rollBack(began);
    } catch (thrown) {
      throw unfinished(error, asDomsnapError(thrown));
    }
    throw error.withEffect("rolled-back");
  }

  #work(index: number): BoundWork {
    return bindWork(this.environment.handlers, this.#at(index));
  }

  #context(index: number, signal = this.#signalFor(index)): OperationContext {
    const { emit } = this.environment;
    const event = this.#eventOf(index);
    return {
      domain: this.#plan.domain,
      evidence: this.#evidence,
      commit: () => this.#commit(index),
      signal,
      progress: (progress) => {
        emit({ type: "operation-progress", ...event, ...progress });
      },
      warn: (message) => {
        emit({ type: "warning", message });
      },
      report: (measures) => {
        emit({ type: "measured", measures });
      },
    };
  }

  #eventOf(index: number) {
    return { kind: this.#at(index).kind, index, total: this.#operations.length };
  }

  #signalFor(index: number): AbortSignal {
    const heeded = index < this.#commitAt || INTERRUPTIBLE.has(this.#at(index).kind);
    return heeded ? this.environment.signal : new AbortController().signal;
  }

  #at(index: number): Operation {
    const operation = this.#operations[index];
    if (!operation)
      throw new DomsnapError("recovery-failed", `the plan has no operation number ${index}`);
    return operation;
  }
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
      (error.hint === undefined ? "" : `${error.hint} `) +
      "Run any command on this domain to go on: the journal keeps the rest.",
  });
}
