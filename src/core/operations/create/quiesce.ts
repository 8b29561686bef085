import { asDomsnapError, type ErrorCode } from "../../errors/index.js";
import { isActive, type CreateFlags, type Domain } from "../../model/index.js";
import type { CreateResult } from "../shared/results.js";

/** What a guest agent fails with that is not there, does not answer or cannot freeze. */
const AGENT_FAILURES: ReadonlySet<ErrorCode> = new Set([
  ...(["argument-unsupported", "agent-unresponsive", "agent-failed"] as const),
]);

/**
 * Takes a snapshot with frozen file systems if the guest's agent can, and else, with a warning,
 * without: a whole second attempt, so that a record never claims what was not reached. Where
 * there is nothing to gain (the guest is off, or its memory is taken, too) it is not even tried.
 */
export async function quiesceAsPossible(
  domain: Domain,
  { diskOnly }: CreateFlags,
  take: (quiesce: boolean) => Promise<CreateResult>,
): Promise<CreateResult> {
  if (!isActive(domain) || diskOnly !== true) return take(false);
  if (domain.state !== "running")
    return withWarning(`the guest is ${domain.state}`, await take(false));
  try {
    return await take(true);
  } catch (thrown) {
    const error = asDomsnapError(thrown);
    // What may have left the file systems frozen is told, not covered up by another attempt.
    if (!AGENT_FAILURES.has(error.code) || error.effect === "partial") throw thrown;
    return withWarning(error.message, await take(false));
  }
}

function withWarning(reason: string, result: CreateResult): CreateResult {
  const warning = `the guest's file systems were not frozen: ${reason}`;
  return { ...result, warnings: [...result.warnings, warning] };
}
