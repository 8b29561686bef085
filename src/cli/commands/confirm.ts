import { DomsnapError } from "../../core/errors/index.js";
import type { CommandContext } from "../command-spec.js";

/**
 * Asks before something is given up, unless `--yes` was given. Throws `cancelled` for any answer
 * but yes, and `operation-denied` where nobody can be asked; both with the listing, so that it has
 * been seen.
 */
export async function confirm(
  { args, ask }: CommandContext,
  listing: string,
  question: string,
): Promise<void> {
  if (args.has("yes")) return;
  const answer = await ask(`${listing}${question} (yes/no) `);
  if (answer === undefined)
    throw new DomsnapError(
      "operation-denied",
      `nobody is there to be asked\n${listing.trimEnd()}`,
      {
        hint: "look at the list with --dry-run, then repeat with --yes",
      },
    );
  if (!/^y(es)?$/i.test(answer.trim())) throw new DomsnapError("cancelled", "nothing was changed");
}
