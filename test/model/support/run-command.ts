import { openSnapshotService } from "../../../src/container.js";
import { runInProcess } from "../../cli/run-in-process.js";

/** What a command of domsnap's ended in. */
export interface Ended {
  /** Missing when it was killed. */
  readonly status: number | undefined;
  /** Of the error, if it failed. */
  readonly code?: string;
  /** What it said: its error, or all that `--json` tells. */
  readonly text: string;
  readonly data?: unknown;
}

/** Runs a command within this process, over a connection that knows nothing of what was before. */
export async function runCommand(
  uri: string,
  words: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  const { status, stdout, stderr } = await runInProcess(["-q", "--json", "-c", uri, ...words], {
    env: { ...process.env, ...env },
    openService: (opened) => openSnapshotService(opened),
  });
  return endedWith(status, stdout, stderr);
}

function endedWith(status: number, stdout: string, stderr: string): Ended {
  if (status === 0) return { status, text: stdout, data: parsed(stdout) };
  const error = (parsed(stderr) as { readonly error?: ErrorText } | undefined)?.error;
  const text = error ? `${error.code}: ${error.message} (${error.hint})` : stderr + stdout;
  return { status, text, ...(error ? { code: error.code } : { data: parsed(stdout) }) };
}

interface ErrorText {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
