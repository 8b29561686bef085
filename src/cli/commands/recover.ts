import { EXIT } from "../../core/errors/index.js";
import type { Recovery } from "../../core/operations/shared/results.js";
import { usageError } from "../command-error.js";
import { defineCommand, type CommandContext, type CommandResult } from "../command-spec.js";
import type { BoolOption, TextOption } from "../grammar/command-arguments.js";
import { safeText } from "../render/display-text.js";
import { abandonmentJson, formatAbandonment } from "./abandon-text.js";
import { bool, DOMAIN, YES } from "./common-options.js";
import { isConfirmed, isYes, notConfirmed } from "./confirm.js";
import { describeOperation, operationJson } from "./open-operation-text.js";

export const recover = defineCommand({
  name: "recover",
  group: "domsnap",
  summary: "settle changes that were interrupted",
  description:
    "Rolls back or completes what a killed domsnap or a power failure has left, for one domain or\n" +
    "for all. Every other command does the same for its own domain before it begins. A process\n" +
    "that is still at work is waited for; there is no way to take its lock. With --end-orphans a cp,\n" +
    "dd or qemu-img that a killed domsnap has left is ended instead; on a terminal that is asked.\n" +
    "It is safe: what such a program does is undone or repeated.\n\n" +
    "With --abandon a change that cannot be settled, or whose journal cannot be read, is given up:\n" +
    "what it has done and made is listed, and stays as it is. The journal is kept under another name.",
  options: [
    { ...DOMAIN, required: false },
    bool("end-orphans", "end programs that a killed domsnap has left at work"),
    bool("abandon", "give the domain's change up, after confirmation"),
    YES,
  ],
  examples: [
    { line: "domsnap recover", summary: "Settle everything, as at the start of the host." },
    { line: "domsnap recover --dry-run", summary: "Tell what there is to settle." },
    { line: "domsnap recover vm1 --abandon", summary: "Leave everything as it is, and go on." },
  ],
  changes: true,
  async run(context) {
    if (context.args.has("abandon")) return abandon(context);
    const domain = context.args.has("domain") ? (await context.identity()).uuid : undefined;
    const service = await context.service();
    const recoveries = await service.recover(domain, {
      ...context.changeOptions(),
      endOrphans: (orphans) => mayEnd(context, orphans),
    });
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

/** Whether what is left at work is to be ended: by the option, or asked. */
async function mayEnd(
  { args, ask }: CommandContext<BoolOption<"end-orphans">>,
  orphans: readonly string[],
): Promise<boolean> {
  if (args.has("end-orphans")) return true;
  const listing = orphans.map((orphan) => `${safeText(orphan)}\n`).join("");
  return isYes(await ask(`Still at work:\n${listing}End it? (yes/no) `));
}

async function abandon(
  context: CommandContext<BoolOption<"abandon" | "yes"> | TextOption<"domain">>,
): Promise<CommandResult> {
  // Not looked up here: the definition may be what is gone.
  const domain = context.args.text("domain");
  if (domain === undefined) throw usageError("--abandon needs a domain");
  const service = await context.service();
  const options = context.changeOptions();
  const preview = await service.abandon(domain, { ...options, dryRun: true });
  const listing = formatAbandonment(preview);
  if (context.dryRun) return { text: listing, data: abandonmentJson(preview) };
  if (!(await isConfirmed(context, listing, "Leave all this as it is, and give the change up?")))
    return notConfirmed(listing, abandonmentJson(preview));
  const { keptAt, ...done } = await service.abandon(domain, options);
  return {
    text: formatAbandonment(done),
    notice:
      `The change was given up; its journal is kept: ${safeText(keptAt ?? "")}\n` +
      "Run 'domsnap check' to see what is left to do\n",
    data: abandonmentJson({ ...done, ...(keptAt !== undefined && { keptAt }) }),
  };
}

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
