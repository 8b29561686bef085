import type { OpenOperation } from "../../core/operations/shared/results.js";
import { formatTime } from "../render/time.js";

/** One line about a change under way: what, how far, by whom, since when. */
export function describeOperation(operation: OpenOperation): string {
  const { verb, snapshot, owner, finished, total } = operation;
  const since = formatTime(BigInt(Math.floor(owner.sinceMs / 1000)));
  return (
    `${verb} of snapshot '${snapshot}', ${finished} of ${total} operations finished, ` +
    `begun by process ${owner.pid} on ${owner.host} at ${since}`
  );
}

export function operationJson({ owner, ...operation }: OpenOperation) {
  return {
    ...operation,
    owner: { pid: owner.pid, host: owner.host, since: new Date(owner.sinceMs).toISOString() },
  };
}
