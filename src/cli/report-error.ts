import type { CommandError } from "./command-error.js";
import { errorJson, formatJson } from "./render/json.js";
import { terminalText } from "./render/display-text.js";

/**
 * An error as text for standard error: virsh's lines, then one with the next step, which is part of
 * the error and stays with --quiet.
 */
export function formatError(error: CommandError, json: boolean): string {
  if (json) return formatJson(errorJson(error.reason, error.lines, error.exitStatus));
  const lines = error.lines.map((line) => `error: ${line}\n`).join("");
  return terminalText(lines + formatHint(error));
}

function formatHint({ reason }: CommandError): string {
  const effect = reason.effect === "partial" ? "A part was done, the journal holds the rest. " : "";
  const advice = reason.hint ?? reason.kind.advice;
  return `hint: ${effect}${advice} (domsnap explain ${reason.code})\n`;
}
