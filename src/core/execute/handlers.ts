import { DomsnapError } from "../errors/index.js";
import type { BackendId, Operation, UndoableOperation } from "../model/operation.js";
import type {
  AnyWork,
  DiskOperations,
  DomainOperations,
  OperationContext,
  RecordOperations,
  Settled,
} from "../ports/index.js";

/** Who carries out what. */
export interface Handlers {
  /** Throws `tool-missing` when no plugin of that name is installed. */
  readonly disks: (backend: BackendId) => DiskOperations;
  readonly domain: DomainOperations;
  readonly records: RecordOperations;
}

/** The work on one operation, bound to it. */
export interface BoundWork {
  /** See `OperationWork.commits`. */
  readonly commits: boolean;
  rehearse(): Promise<void>;
  precheck(context: OperationContext): Promise<void>;
  safeguard(context: OperationContext): Promise<void>;
  run(context: OperationContext): Promise<void>;
  settle(context: OperationContext): Promise<Settled>;
  /** Does nothing for what only lets a guest go on. */
  undo(context: OperationContext): Promise<void>;
}

/**
 * Finds who carries out an operation. Throws `operation-unsupported` when nobody does, and
 * `tool-missing` for a backend that is not installed.
 */
export function bindWork(handlers: Handlers, operation: Operation | UndoableOperation): BoundWork {
  const work = tableOf(handlers, operation)[operation.kind];
  if (!work) throw nobody(operation);
  return {
    commits: work.commits === true,
    rehearse: async () => work.rehearse?.(operation),
    precheck: async (context) => work.precheck?.(operation, context),
    safeguard: async (context) => work.safeguard?.(operation, context),
    run: (context) => work.run(operation, context),
    settle: (context) => work.settle(operation, context),
    undo: async (context) => work.undo?.(operation, context),
  };
}

function tableOf(
  handlers: Handlers,
  operation: Operation,
): Readonly<Partial<Record<string, AnyWork>>> {
  if ("backend" in operation) return handlers.disks(operation.backend);
  const [family] = operation.kind.split(".");
  const table = family === "domain" ? handlers.domain : handlers.records;
  return table;
}

function nobody(operation: Operation): DomsnapError {
  const who =
    "backend" in operation ? `disk backend '${operation.backend}'` : "the toolstack of this domain";
  return new DomsnapError(
    "operation-unsupported",
    `${who} cannot carry out '${String(operation.kind)}'`,
    { hint: "Use the connection of a hypervisor that runs the domain, or a newer plugin." },
  );
}
