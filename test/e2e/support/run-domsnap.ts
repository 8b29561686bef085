import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";

const program = fileURLToPath(new URL("../../../bin/domsnap.cjs", import.meta.url));

export interface CliResult {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command of the installed program to its end, whatever comes of it. */
export function tryDomsnap(
  uri: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): CliResult {
  const { status, stdout, stderr } = spawnSync(process.execPath, commandLine(uri, args), {
    encoding: "utf8",
    env: { ...process.env, NO_COLOR: "1", ...env },
  });
  return { status: status ?? -1, stdout, stderr };
}

/** Runs a command that has to succeed; returns its standard output. */
export function runDomsnap(uri: string, args: readonly string[]): string {
  const { status, stdout, stderr } = tryDomsnap(uri, args);
  if (status !== 0) throw new Error(`domsnap ${args.join(" ")}: ${String(status)}\n${stderr}`);
  return stdout;
}

/** Starts a command and does not wait for it. */
export function startDomsnap(uri: string, args: readonly string[]): ChildProcess {
  return spawn(process.execPath, commandLine(uri, args), { stdio: "ignore" });
}

function commandLine(uri: string, args: readonly string[]): string[] {
  return [program, "-q", "-c", uri, ...args];
}
