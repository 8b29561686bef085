import { asDomsnapError, DomsnapError } from "../core/errors/index.js";

/**
 * A failure as a command tells it: its own lines around the reason. virsh prints what the command
 * was about first and the library's message second.
 */
export class CommandError extends Error {
  override readonly name = "CommandError";

  constructor(
    /** Whole lines for standard error, without the `error: ` before each. */
    readonly lines: readonly string[],
    readonly reason: DomsnapError,
  ) {
    super(lines.join("\n"), { cause: reason });
  }
}

/** A mistake in the command line, with virsh's text. */
export function usageError(message: string): DomsnapError {
  return new DomsnapError("usage", message);
}

/** Runs `work`; when it fails, `headline` goes before its message. */
export async function underHeadline<Result>(
  headline: string,
  work: () => Promise<Result>,
): Promise<Result> {
  try {
    return await work();
  } catch (thrown) {
    const reason = asDomsnapError(thrown);
    throw new CommandError([headline, reason.message], reason);
  }
}

/** Any thrown thing as lines and a reason. */
export function asCommandError(thrown: unknown): CommandError {
  if (thrown instanceof CommandError) return thrown;
  const reason = asDomsnapError(thrown);
  return new CommandError([reason.message], reason);
}
