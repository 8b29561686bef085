import { EXIT } from "../../core/errors/index.js";
import type { CommandContext, CommandResult } from "../command-spec.js";
import type { BoolOption } from "../grammar/command-arguments.js";

/** Whether the user agrees to what was listed: by `--yes`, or asked on a terminal. */
export async function isConfirmed(
  { args, ask }: CommandContext<BoolOption<"yes">>,
  listing: string,
  question: string,
): Promise<boolean> {
  if (args.has("yes")) return true;
  return isYes(await ask(`${listing}${question} (yes/no) `));
}

/** Whether an answer is a yes; nobody was there to give it where it is undefined. */
export function isYes(answer: string | undefined): boolean {
  return /^y(es)?$/i.test(answer?.trim() ?? "");
}

/** What a command gives that was not allowed to go on: the listing, so that it can be looked at. */
export function notConfirmed(listing: string, data: unknown): CommandResult {
  return {
    text: `${listing}Nothing was changed. Repeat with --yes to do it.\n`,
    data,
    status: EXIT.failed,
  };
}
