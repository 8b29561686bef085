import type { OperationKind } from "../model/operation.js";
import type { ExportProgress } from "../ports/export-format.js";
import type { OperationMeasures, OperationProgress } from "../ports/operation-handler.js";

/** What the executor and an export tell while they work. `index` counts from 0, `total` is the plan's length. */
export type ProgressEvent =
  | { readonly type: "recovery-started"; readonly verb: string; readonly snapshot: string }
  | { readonly type: "recovery-finished"; readonly outcome: "rolled-back" | "completed" }
  | OperationEvent<"operation-started">
  | (OperationEvent<"operation-progress"> & OperationProgress)
  | OperationEvent<"operation-finished">
  | OperationEvent<"undo-started">
  | OperationEvent<"undo-finished">
  | ({ readonly type: "export-progress" } & ExportProgress)
  | { readonly type: "measured"; readonly measures: OperationMeasures }
  | { readonly type: "warning"; readonly message: string };

interface OperationEvent<Type extends string> {
  readonly type: Type;
  readonly kind: OperationKind;
  readonly index: number;
  readonly total: number;
}
