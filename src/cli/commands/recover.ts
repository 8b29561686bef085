import { EXIT } from "../../core/errors/index.js";
import type { Recovery } from "../../core/operations/shared/results.js";
import { defineCommand } from "../command-spec.js";
import { safeText } from "../render/display-text.js";
import { DOMAIN } from "./common-options.js";
import { describeOperation, operationJson } from "./open-operation-text.js";

export const recover = defineCommand({
  name: "recover",
  group: "domsnap",
  summary: "settle changes that were interrupted",
  description:
    "Rolls back or completes what a killed domsnap or a power failure has left, for one domain or\n" +
    "for all. Every other command does the same for its own domain before it begins. A process\n" +
    "that is still at work is waited for; there is no way to take its lock.",
  options: [{ ...DOMAIN, required: false }],
  examples: [
    { line: "domsnap recover", summary: "Settle everything, as at the start of the host." },
    { line: "domsnap recover --dry-run", summary: "Tell what there is to settle." },
  ],
  changes: true,
  async run(context) {
    const domain = context.args.has("domain") ? (await context.domain()).uuid : undefined;
    const service = await context.service();
    const recoveries = await service.recover(domain, context.changeOptions());
    const failed = recoveries.some(({ error }) => error !== undefined);
    return {
      ...(recoveries.length > 0
        ? { text: recoveries.map(formatRecovery).join("") }
        : { notice: "Nothing was interrupted\n" }),
      data: { recoveries: recoveries.map(recoveryJson) },
      ...(failed && { status: EXIT.unfinished }),
    };
  },
});

function formatRecovery({ domain, operation, outcome, error }: Recovery): string {
  const what = operation ? describeOperation(operation) : "an interrupted change";
  const result = error ? `not settled: ${error.message}` : (outcome ?? `to be ${operation?.next}`);
  const hint = error?.hint === undefined ? "" : `\n  ${safeText(error.hint)}`;
  return `${safeText(`${domain.name}: ${what}: ${result}`)}${hint}\n`;
}

function recoveryJson({ domain, operation, outcome, error }: Recovery) {
  return {
    domain: { name: domain.name, uuid: domain.uuid },
    ...(operation && { operation: operationJson(operation) }),
    ...(outcome && { outcome }),
    ...(error && { error: { code: error.code, message: error.message } }),
  };
}
