import { asDomsnapError, DomsnapError, EXIT } from "../core/errors/index.js";

/** What xl exits with when it does not understand its command line. */
export const XL_USAGE_STATUS = 2;

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
    /** Of the process; that of the reason, unless the command's grammar has others. */
    readonly exitStatus: number = reason.exitStatus,
  ) {
    super(lines.join("\n"), { cause: reason });
  }
}

/** A mistake in the command line, with virsh's text. */
export function usageError(message: string, hint?: string): DomsnapError {
  return new DomsnapError("usage", message, hint === undefined ? {} : { hint });
}

/** A mistake in the command line that tells no next step yet refers to the help of its command. */
export function withHelpHint(thrown: unknown, command: string): unknown {
  const isPlain =
    thrown instanceof DomsnapError && thrown.code === "usage" && thrown.hint === undefined;
  return isPlain ? usageError(thrown.detail, `Run 'domsnap help ${command}'.`) : thrown;
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

/** Any thrown thing as a command of this grammar reports it. */
export function asFailureOf(grammar: "xl" | undefined, thrown: unknown): CommandError {
  const error = asCommandError(thrown);
  if (grammar === undefined || error.reason.exitStatus === EXIT.interrupted) return error;
  const status = error.reason.code === "usage" ? XL_USAGE_STATUS : EXIT.failed;
  return new CommandError(error.lines, error.reason, status);
}

/** Any thrown thing as lines and a reason. */
export function asCommandError(thrown: unknown): CommandError {
  if (thrown instanceof CommandError) return thrown;
  const reason = asDomsnapError(thrown);
  return new CommandError([reason.message], reason);
}
