import type { Abandonment, OperationState } from "../../core/operations/shared/results.js";
import { safeText } from "../render/display-text.js";
import { planOperationJson } from "../render/json.js";
import { describe } from "../render/plan.js";
import { describeOperation, operationJson } from "./open-operation-text.js";

const STATE_TEXTS: Readonly<Record<OperationState["state"], string>> = {
  done: "done",
  begun: "begun, perhaps in part",
  "not-begun": "not begun",
};

/** What an interrupted change that is given up leaves behind. */
export function formatAbandonment(abandonment: Abandonment): string {
  const { domain, operation, operations, files, error } = abandonment;
  const what = operation ? describeOperation(operation) : "an interrupted change";
  const lines = [
    `${domain.name}: ${what}`,
    ...(error ? [`  what it did cannot be told: ${error.message}`] : []),
    ...operations.map(formatState),
    ...(files.length === 0 ? [] : ["  Files that it has made, and that stay:"]),
    ...files.map((path) => `    ${path}`),
  ];
  return lines.map((line) => `${safeText(line)}\n`).join("");
}

function formatState({ operation, state }: OperationState, index: number): string {
  return `  ${index + 1}. ${STATE_TEXTS[state]}: ${describe(operation).join("; ")}`;
}

export function abandonmentJson(abandonment: Abandonment) {
  const { domain, operation, operations, files, error, keptAt } = abandonment;
  return {
    domain: { name: domain.name, uuid: domain.uuid },
    ...(operation && { operation: operationJson(operation) }),
    operations: operations.map(({ state, ...one }) => ({
      state,
      operation: planOperationJson(one.operation),
    })),
    files,
    ...(error && { error: { code: error.code, message: error.message } }),
    ...(keptAt !== undefined && { journal: keptAt }),
    executed: keptAt !== undefined,
  };
}
