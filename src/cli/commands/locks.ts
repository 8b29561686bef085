import type { LockInfo } from "../../core/operations/shared/results.js";
import { defineCommand } from "../command-spec.js";
import { safeText } from "../render/display-text.js";
import { describeOperation, operationJson } from "./open-operation-text.js";

export const locks = defineCommand({
  name: "locks",
  group: "domsnap",
  summary: "tell which domains are being changed, and what was interrupted",
  description:
    "For each domain that is locked or has an interrupted change: by whom, since when, how far it\n" +
    "got and what recovery would do. A lock goes away with its owner; it cannot be broken.",
  options: [],
  changes: false,
  async run(context) {
    const infos = await (await context.service()).locks();
    return {
      ...(infos.length > 0
        ? { text: infos.map(formatLock).join("") }
        : { notice: "No domain is locked\n" }),
      data: { locks: infos.map(lockJson) },
    };
  },
});

function formatLock({ domain, holder, operation, error }: LockInfo): string {
  const lines = [`locked by ${holder ? holder.description : "nobody"}`];
  if (operation) lines.push(describeOperation(operation));
  if (operation && !holder)
    lines.push(`interrupted; 'domsnap recover' would have it ${operation.next}`);
  if (error) lines.push(error.message);
  return `${safeText(domain.name)}\n${lines.map((line) => `  ${safeText(line)}\n`).join("")}`;
}

function lockJson({ domain, holder, operation, error }: LockInfo) {
  return {
    domain,
    ...(holder && { holder: holder.description }),
    ...(holder?.sinceMs !== undefined && { since: new Date(holder.sinceMs).toISOString() }),
    ...(operation && { operation: operationJson(operation) }),
    ...(error && { error: { code: error.code, message: error.message } }),
  };
}
