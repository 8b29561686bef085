import { asDomsnapError, DomsnapError, withWayOut } from "../errors/index.js";
import type { JournalEntry } from "../ports/index.js";
import { Execution, type ExecutionEnvironment } from "./execute-plan.js";

/**
 * Brings a domain whose operation was interrupted to the state before it, or to the state after
 * it. Needs nothing but the journal; idempotent, so a crash during recovery is recovered again.
 * The caller holds the domain's lock. Does nothing when nothing was interrupted.
 *
 * Throws `recovery-failed` with the reason; the journal then stays.
 */
export async function recoverDomain(
  domainUuid: string,
  environment: ExecutionEnvironment,
): Promise<"rolled-back" | "completed" | undefined> {
  const entry = await environment.journal.read(domainUuid);
  if (!entry) return undefined;
  const { verb, snapshot } = entry.plan;
  environment.emit({ type: "recovery-started", verb, snapshot });
  const outcome = await settleEntry(entry, environment);
  environment.emit({ type: "recovery-finished", outcome });
  return outcome;
}

async function settleEntry(
  entry: JournalEntry,
  environment: ExecutionEnvironment,
): Promise<"rolled-back" | "completed"> {
  const { plan, started } = entry;
  try {
    const execution = new Execution(entry, environment);
    const isCommitted = execution.isCommitted(entry);
    await environment.whileClaimed(plan, () =>
      isCommitted ? execution.carryOut(entry) : execution.rollBack([...started]),
    );
    return isCommitted ? "completed" : "rolled-back";
  } catch (thrown) {
    const error = asDomsnapError(thrown);
    // At the commit point an atomic operation that cannot be done is rolled back after all.
    if (error.effect === "rolled-back") return "rolled-back";
    throw new DomsnapError(
      "recovery-failed",
      `the interrupted ${plan.verb} of snapshot '${plan.snapshot}' of domain ` +
        `'${plan.domain.name}' could not be settled: ${error.message}`,
      {
        cause: error,
        effect: "partial",
        hint: withWayOut(error.hint, plan.domain),
      },
    );
  }
}
