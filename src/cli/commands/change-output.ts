import type { CommandResult } from "../command-spec.js";
import type { ChangeResult } from "../../core/operations/results.js";
import { changeJson } from "../render/json.js";
import { formatPlans } from "../render/plan.js";

/** What a command that changed something gives: its message, or after a dry run the plan. */
export function changeOutput(
  result: ChangeResult,
  notice: string | undefined,
  data: Readonly<Record<string, unknown>>,
): CommandResult {
  const json = { ...data, ...changeJson(result) };
  if (!result.executed) return { text: formatPlans(result), data: json };
  return { ...(notice !== undefined && { notice }), data: json, warnings: result.warnings };
}
