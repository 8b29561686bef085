import { runTool } from "../../host/run-tool.js";

/** For daemons that do not answer. */
const TIMEOUT_MS = 20_000;

/** The value of a node; undefined when there is none. Throws `tool-missing`, `tool-failed`. */
export async function readXenstore(path: string): Promise<string | undefined> {
  const { exitStatus, stdout } = await runTool("xenstore-read", [path], {
    timeoutMs: TIMEOUT_MS,
    answerStatuses: [0, 1],
  });
  return exitStatus === 0 ? stdout.replace(/\n$/, "") : undefined;
}

/** Sets nodes in one transaction, all or none. Throws `tool-missing`, `tool-failed`. */
export async function writeXenstore(nodes: ReadonlyMap<string, string>): Promise<void> {
  if (nodes.size > 0) await runTool("xenstore-write", [...nodes].flat(), { timeoutMs: TIMEOUT_MS });
}
