import type { JournalEntry } from "../../ports/index.js";
import type { OpenOperation } from "../shared/results.js";

/** What a journal says of the change that it holds. */
export function openOperation({ plan, owner, started, finished }: JournalEntry): OpenOperation {
  return {
    verb: plan.verb,
    snapshot: plan.snapshot,
    owner,
    finished: finished.size,
    total: plan.before.length + plan.after.length,
    next: started.has(plan.before.length) ? "completed" : "rolled-back",
  };
}
