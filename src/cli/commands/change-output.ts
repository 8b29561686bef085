import type { CommandResult } from "../command-spec.js";
import type { ChangeResult } from "../../core/operations/shared/results.js";
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
  const said = notice === undefined ? undefined : notice + measuresText(result);
  return { ...(said !== undefined && { notice: said }), data: json, warnings: result.warnings };
}

/** A line about what the guest noticed; empty where no running guest was touched. */
function measuresText({ measures }: ChangeResult): string {
  if (measures?.downtimeMs === undefined) return "";
  const { downtimeMs, frozenMs, bytesWritten = 0, consistency } = measures;
  const frozen =
    frozenMs === undefined ? "" : `, its file systems frozen for ${frozenMs.toFixed(1)} ms`;
  const memory = bytesWritten > 0 ? `, ${Math.ceil(bytesWritten / 1024 / 1024)} MiB of memory` : "";
  const level = consistency === undefined ? "" : `, ${CONSISTENCY_TEXT[consistency]}`;
  return `\nThe guest was paused for ${downtimeMs.toFixed(1)} ms${frozen}${memory}${level}`;
}

const CONSISTENCY_TEXT = {
  "crash-consistent": "disks as after a crash",
  filesystem: "disks with quiesced file systems",
  memory: "disks and memory at one instant",
} as const;
