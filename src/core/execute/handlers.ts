import type {
  BackendId,
  DiskOperation,
  DomainOperation,
  Operation,
  OperationOf,
} from "../model/operation.js";
import type { OperationHandler } from "../ports/operation-handler.js";

export type RecordOperation = OperationOf<
  "record.write" | "records.add" | "record.remove" | "record.current"
>;

/** Who carries out what. */
export interface Handlers {
  /** Throws `tool-missing` when no plugin of that name is installed. */
  readonly disks: (backend: BackendId) => OperationHandler<DiskOperation>;
  readonly domain: OperationHandler<DomainOperation>;
  readonly records: OperationHandler<RecordOperation>;
}

/** The handler of one operation, bound to it. */
export function bindHandler(handlers: Handlers, operation: Operation): BoundHandler {
  switch (operation.kind) {
    case "disks.snapshot":
    case "disks.stage":
    case "disks.revert":
    case "disks.remove":
    case "disks.merge":
    case "disks.discard":
      return bind(handlers.disks(operation.backend), operation);
    case "domain.define":
    case "domain.start":
    case "domain.stop":
    case "domain.pause":
    case "domain.resume":
    case "domain.quiesce":
    case "domain.thaw":
    case "domain.prepare-capture":
    case "domain.capture":
    case "domain.merge":
    case "domain.remove":
    case "domain.discard-memory":
      return bind(handlers.domain, operation);
    case "record.write":
    case "records.add":
    case "record.remove":
    case "record.current":
      return bind(handlers.records, operation);
  }
}

type Context = Parameters<OperationHandler["run"]>[1];

interface BoundHandler {
  precheck(context: Context): Promise<void>;
  run(context: Context): Promise<void>;
  undo(context: Context): Promise<void>;
  settle(context: Context): Promise<"done" | "not-done">;
}

function bind<Op extends Operation>(handler: OperationHandler<Op>, operation: Op): BoundHandler {
  return {
    precheck: async (context) => handler.precheck?.(operation, context),
    run: (context) => handler.run(operation, context),
    undo: (context) => handler.undo(operation, context),
    settle: (context) => handler.settle(operation, context),
  };
}
