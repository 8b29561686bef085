import { execa } from "execa";
import type { CliRun } from "./run-in-process.js";

/** Runs the real virsh. Throws when there is none. */
export async function runVirsh(
  argv: readonly string[],
  env: Record<string, string> = {},
): Promise<CliRun> {
  const { exitCode, stdout, stderr } = await execa("virsh", argv, {
    env: { LC_ALL: "C.UTF-8", ...env },
    reject: false,
    stripFinalNewline: false,
  });
  if (exitCode === undefined) throw new Error("virsh could not be run");
  return { status: exitCode, stdout, stderr };
}

/**
 * One text, for readable differences, without what differs by intention: our hints, and the moment
 * of a snapshot taken just now.
 */
export function comparable({ status, stdout, stderr }: CliRun): string {
  const errors = stderr.replace(/^hint: .*\n/gm, "");
  return [`exit status ${status}`, "errors:", errors, "output:", forgetNow(stdout)].join("\n");
}

function forgetNow(text: string): string {
  const year = new Date().getFullYear();
  return text
    .replace(/<creationTime>(\d+)</g, (whole, seconds: string) =>
      Math.abs(Number(seconds) - Date.now() / 1000) < 600 ? "<creationTime>NOW<" : whole,
    )
    .replace(new RegExp(`\\b${year}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d`, "g"), `${year}-NOW`);
}
