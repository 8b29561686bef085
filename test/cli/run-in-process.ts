import { Readable } from "node:stream";
import { runCli, type CliOptions } from "../../src/cli/run-cli.js";
import type { PluginSet } from "../../src/cli/plugin-set.js";

export interface CliRun {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliRunOptions extends Partial<Omit<CliOptions, "argv" | "stdin" | "stdout">> {
  /** Opens connections in a run without plugins. */
  readonly openService?: PluginSet["openService"];
  /** Text on standard input, which is then not a terminal. */
  readonly input?: string;
  readonly stdoutIsTerminal?: boolean;
  readonly stderrIsTerminal?: boolean;
}

/** Runs the command line within this process and collects what it prints. */
export async function runInProcess(
  argv: readonly string[],
  options: CliRunOptions = {},
): Promise<CliRun> {
  const { openService = noService } = options;
  let stdout = "";
  let stderr = "";
  const status = await runCli({
    argv,
    env: {},
    loadPlugins: withoutPlugins(openService),
    ...options,
    stdin: Readable.from([options.input ?? ""]),
    stdout: {
      write: (text) => (stdout += text),
      isTTY: options.stdoutIsTerminal === true,
    },
    stderr: {
      write: (text) => (stderr += text),
      isTTY: options.stderrIsTerminal === true,
    },
  });
  return { status, stdout, stderr };
}

/** A run whose connections come from here, and that loads nothing. */
export function withoutPlugins(openService: PluginSet["openService"]): CliOptions["loadPlugins"] {
  return () => Promise.resolve({ openService, list: () => Promise.resolve([]) });
}

function noService(): Promise<never> {
  return Promise.reject(new Error("this run needs no service"));
}
