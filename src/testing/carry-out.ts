import { DomsnapError } from "../core/errors/index.js";
import type { Operation } from "../core/model/index.js";
import type { AnyWork, OperationContext, Settled } from "../core/ports/index.js";
import type { TestEvidence } from "./test-evidence.js";

/** What carries out an operation of any kind by a table, as the executor of plans does. */
export interface TableRunner {
  precheck(operation: Operation, context: OperationContext): Promise<void>;
  run(operation: Operation, context: OperationContext): Promise<void>;
  settle(operation: Operation, context: OperationContext): Promise<Settled>;
  undo(operation: Operation, context: OperationContext): Promise<void>;
}

/** Throws `operation-unsupported` for a kind that the table does not have. */
export function tableRunner(table: object, evidence: TestEvidence): TableRunner {
  const workOn = ({ kind }: Operation): AnyWork => {
    const work = (table as Partial<Record<string, AnyWork>>)[kind];
    if (work) return work;
    throw new DomsnapError("operation-unsupported", `nobody carries out '${kind}'`);
  };
  return {
    async precheck(operation, context) {
      await evidence.survey(operation);
      await workOn(operation).precheck?.(operation, context);
    },
    async run(operation, context) {
      await evidence.survey(operation);
      await workOn(operation).run(operation, context);
    },
    settle: async (operation, context) => workOn(operation).settle(operation, context),
    async undo(operation, context) {
      await evidence.survey(operation);
      await workOn(operation).undo?.(operation, context);
    },
  };
}
