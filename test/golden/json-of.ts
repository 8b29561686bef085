import { pathToFileURL } from "node:url";

import { openSnapshotService } from "../../src/container.js";
import { runInProcess } from "../cli/run-in-process.js";

/** What a command prints with `--json` on a `file:` connection, errors included. */
export async function jsonOf(folder: string, command: readonly string[]): Promise<string> {
  const argv = ["--connect", pathToFileURL(folder).href, "--json", ...command];
  const { stdout, stderr } = await runInProcess(argv, { openService: openSnapshotService });
  return stdout + stderr;
}
