import type { Consistency, Domain, Settled } from "../model/index.js";

export type { Settled };
import type {
  DiskOperation,
  DomainOperation,
  Operation,
  OperationKind,
  OperationOf,
  RecordOperation,
  UndoableKind,
} from "../model/operation.js";
import type { Evidence } from "./evidence.js";

/** How far one operation got; `bytesTotal` is missing where it cannot be known. */
export interface OperationProgress {
  readonly bytesDone: number;
  readonly bytesTotal?: number;
  /** What is being worked on: a disk's target or a file. */
  readonly subject?: string;
}

/** What an operation on an active guest has cost and brought. */
export interface OperationMeasures {
  /** How long the guest was paused, by the hypervisor's own clock; all pauses together. */
  readonly downtimeMs?: number;
  /** How long the guest's file systems were frozen by its agent: it ran, its writers waited. */
  readonly frozenMs?: number;
  /** Memory that was saved, and content of disks that was merged. */
  readonly bytesWritten?: number;
  /** Of the state that was taken, or that was gone back to. */
  readonly consistency?: Consistency;
}

/** What whoever carries out an operation is given beside it. */
export interface OperationContext {
  readonly domain: Pick<Domain, "name" | "uuid">;
  /** What the plan has found and made on the host: the only licence to remove or replace a file. */
  readonly evidence: Evidence;
  /**
   * Called by work that `commits`, right before its first change that cannot be taken back. When this
   * returns, the plan is past its commit point, durably; when it throws, nothing may be changed.
   * Does nothing in all other places. Repeatable.
   */
  readonly commit: () => Promise<void>;
  /** Aborted when the caller gives up; a handler stops at the next safe point and throws. */
  readonly signal: AbortSignal;
  readonly progress: (progress: OperationProgress) => void;
  /** A sentence for the user about something that was left as it is. */
  readonly warn: (message: string) => void;
  /** What was measured; times and bytes of a later report are added to those of earlier ones. */
  readonly report?: (measures: OperationMeasures) => void;
}

/**
 * Carries out one kind of operation. All calls are idempotent: each may be repeated after a crash at
 * any point of an earlier call.
 */
export interface OperationWork<Op extends Operation> {
  /**
   * It tells by `OperationContext.commit` when it begins to change anything. A plan whose second half
   * begins with it can be given up until then; else the commit point is before it begins.
   */
  readonly commits?: true;
  /**
   * Throws what the host has against `run`, whatever becomes of the operations before it: a folder that
   * cannot be written. Changes nothing. Asked before anything of a plan begins, in dry runs as well.
   * Files that the operation names by itself (`Demand`) are asked about already.
   */
  rehearse?(operation: Op): Promise<void>;
  /**
   * Throws what would stop `run` as the world stands: an image that another program has open, a
   * missing file. Changes nothing. Asked of all operations behind the commit point before that point
   * is passed, so that they fail while everything can still be undone.
   */
  precheck?(operation: Op, context: OperationContext): Promise<void>;
  /**
   * Told behind the commit point, when all before this operation is done, durably: whoever finds the
   * journal will carry it out. So it may be done at once should we die, by a process that outlives us,
   * and this is the place to start one. Changes nothing.
   */
  safeguard?(operation: Op, context: OperationContext): Promise<void>;
  /** Makes it so, durably: when this returns, a power failure does not take it back. */
  run(operation: Op, context: OperationContext): Promise<void>;
  /** Looks at the world and says whether the operation has happened. Changes nothing. */
  settle(operation: Op, context: OperationContext): Promise<Settled>;
}

/** Carries out a kind of operation that can stand before the commit point. */
export interface UndoableWork<Op extends Operation> extends OperationWork<Op> {
  /**
   * Takes back whatever `run` did, wholly or in part; does nothing if it never began. What is not
   * known by evidence to be made by this plan stays.
   */
  undo(operation: Op, context: OperationContext): Promise<void>;
}

/**
 * The work on some kind, without its operation's type: what whoever carries out plans finds in a
 * table under the kind of an operation.
 */
export type AnyWork = OperationWork<Operation> & Partial<Pick<UndoableWork<Operation>, "undo">>;

/**
 * Who carries out which kinds. A plan with a kind that is missing is refused before anything begins.
 */
export type OperationTable<Kind extends OperationKind> = {
  readonly [One in Kind]?: One extends UndoableKind
    ? UndoableWork<OperationOf<One>>
    : OperationWork<OperationOf<One>>;
};

/** What a disk backend carries out. */
export type DiskOperations = OperationTable<DiskOperation["kind"]>;
/** What a toolstack carries out. */
export type DomainOperations = OperationTable<DomainOperation["kind"]>;
/** What is carried out on a store of records. */
export type RecordOperations = OperationTable<RecordOperation["kind"]>;
