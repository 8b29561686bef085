import type { Plan } from "../model/operation.js";
import type { Identified, Identity } from "./evidence.js";

/** A plan and the evidence that it begins with. */
export interface JournalBeginning {
  readonly plan: Plan;
  /** See `Evidence.token`. */
  readonly token: string;
  /** What stood at the places that the plan mentions. */
  readonly found: readonly Identified[];
}

/**
 * A plan that was begun and not ended, and how far it got. Operations have the numbers of their
 * places in the plan, those after the commit point behind those before it.
 */
export interface JournalEntry extends JournalBeginning {
  /** What the plan has made so far, oldest first. */
  readonly made: readonly Identified[];
  /**
   * Indices of operations that were begun; those not finished may have happened in part. Of a plan
   * without a second half the one behind the last, once it is done.
   */
  readonly started: ReadonlySet<number>;
  readonly finished: ReadonlySet<number>;
  readonly owner: { readonly pid: number; readonly host: string; readonly sinceMs: number };
}

/** The write-ahead journal of one connection, at most one plan a domain. Every call is durable. */
export interface Journal {
  /** The interrupted plan of a domain, if any. Throws `recovery-failed` when it cannot be read. */
  read(domainUuid: string): Promise<JournalEntry | undefined>;
  /** Uuids of all domains that have one, readable or not. */
  list(): Promise<readonly string[]>;
  begin(beginning: JournalBeginning): Promise<void>;
  started(domainUuid: string, index: number): Promise<void>;
  finished(domainUuid: string, index: number): Promise<void>;
  /** See `Evidence.record`. */
  made(domainUuid: string, place: string, identity: Identity): Promise<void>;
  end(domainUuid: string): Promise<void>;
  /**
   * Ends a plan that is given up, readable or not, without settling it. It is kept where nobody
   * reads it as a journal, and the place is given; undefined when there was none.
   */
  abandon(domainUuid: string): Promise<string | undefined>;
}

/** How a lock is waited for. */
export interface LockOptions {
  /** How long to wait for another owner; 0 means not at all. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

/** Who holds a lock. */
export interface LockHolder {
  /** In words, for people: `process 4711 on host1`. */
  readonly description: string;
  readonly sinceMs?: number;
  /**
   * Programs that hold it since the process that had started them is gone, in words. To end them is
   * safe: recovery undoes or repeats what they do.
   */
  readonly orphans?: readonly string[];
}

/**
 * Held for one domain by one process at a time; the kernel frees it when its owner dies and the
 * programs that it had started on images have ended.
 */
export interface DomainLock {
  /** Who holds it at this moment. */
  holder(domainUuid: string): Promise<LockHolder | undefined>;
  /**
   * Ends the `LockHolder.orphans` and waits until they are gone; missing where there cannot be any.
   * Throws `operation-failed`, `system-error`.
   */
  endOrphans?(domainUuid: string): Promise<void>;
  /** Runs `work` while holding the lock. Throws `locked` after the time is up. */
  run<Result>(
    domainUuid: string,
    options: LockOptions,
    work: () => Promise<Result>,
  ): Promise<Result>;
}
