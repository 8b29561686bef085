import { EXIT } from "../../core/errors/index.js";
import type { PruneResult } from "../../core/operations/shared/results.js";
import { RETENTION_RULES, type RetentionPolicy } from "../../core/rules/index.js";
import { usageError } from "../command-error.js";
import { defineCommand, type CommandResult } from "../command-spec.js";
import type { CommandArguments, TextOption } from "../grammar/command-arguments.js";
import { formatTable } from "../render/table.js";
import { formatTime } from "../render/time.js";
import { DOMAIN, YES } from "./common-options.js";
import { isConfirmed, notConfirmed } from "./confirm.js";

const KEEP_TEXTS: Readonly<Record<keyof RetentionPolicy, string>> = {
  last: "keep the newest N",
  hourly: "keep the newest of each of the last N hours that have one",
  daily: "the same for days",
  weekly: "the same for weeks, from Monday on",
  monthly: "the same for months",
};

type KeepOption = `keep-${keyof RetentionPolicy}`;

function keepOption(rule: keyof RetentionPolicy) {
  const name: KeepOption = `keep-${rule}`;
  return { name, kind: "string", literal: true, summary: KEEP_TEXTS[rule] } as const;
}

export const prune = defineCommand({
  name: "prune",
  group: "domsnap",
  summary: "delete old snapshots by rules, keep the others",
  description:
    "Looks at snapshots that have a label, which is a line 'label: NAME' in the description; those\n" +
    "without one are never touched. Each label is a series of its own. A snapshot stays if any of\n" +
    "the rules keeps it. What would be deleted is listed first, and asked about.",
  options: [
    DOMAIN,
    { name: "label", kind: "string", literal: true, summary: "only snapshots with this label" },
    ...RETENTION_RULES.map(keepOption),
    YES,
  ],
  examples: [
    {
      line: 'domsnap snapshot-create-as vm1 --description "label: nightly"',
      summary: "Take a snapshot that prune may delete one day.",
    },
    {
      line: "domsnap prune vm1 --label nightly --keep-daily 7 --keep-weekly 4 --dry-run",
      summary: "Tell which nightly snapshots would go.",
    },
  ],
  changes: true,
  async run(context) {
    const domain = await context.identity();
    const service = await context.service();
    const label = context.args.text("label");
    const request = { policy: policyOf(context.args), ...(label === undefined ? {} : { label }) };
    const options = context.changeOptions();
    const preview = await service.prune(domain.uuid, request, { ...options, dryRun: true });
    const listing = formatChoices(preview);
    if (context.dryRun || preview.removed.length === 0)
      return { text: listing, data: pruneJson(preview) };
    if (!(await isConfirmed(context, listing, `Delete ${preview.removed.length} snapshots?`)))
      return notConfirmed(listing, pruneJson(preview));
    // Others may have taken snapshots, or deleted some, since the question was asked.
    const agreed = { ...request, agreed: preview.removed };
    return resultOf(await service.prune(domain.uuid, agreed, options));
  },
});

function policyOf(args: CommandArguments<TextOption<KeepOption>>): RetentionPolicy {
  const policy: Partial<Record<keyof RetentionPolicy, number>> = {};
  for (const rule of RETENTION_RULES) {
    const text = args.text(`keep-${rule}`);
    if (text === undefined) continue;
    if (!/^\d{1,6}$/.test(text))
      throw usageError(
        `Numeric value '${text}' for <keep-${rule}> option is malformed or out of range`,
      );
    policy[rule] = Number(text);
  }
  return policy;
}

function resultOf(result: PruneResult): CommandResult {
  const { failures, removed, warnings } = result;
  return {
    text: formatChoices(result),
    notice: `${removed.length} snapshots deleted\n`,
    data: pruneJson(result),
    warnings: [
      ...warnings,
      ...failures.map(({ name, error }) => `snapshot '${name}' stays: ${error.message}`),
    ],
    ...(failures.length > 0 && { status: EXIT.failed }),
  };
}

function formatChoices({ choices, removed, failures, executed }: PruneResult): string {
  const failed = new Set(failures.map(({ name }) => name));
  const doomed = new Set(removed);
  const rows = choices.map(({ name, creationTime, keptBy }) => {
    const goes = doomed.has(name) && !failed.has(name);
    const action = goes ? (executed ? "deleted" : "delete") : "keep";
    return [name, formatTime(creationTime), action, keptBy.join(", ")];
  });
  return rows.length === 0
    ? "No snapshot has such a label\n"
    : formatTable(["Name", "Creation Time", "Action", "Kept by"], rows);
}

function pruneJson({ domain, choices, removed, failures, executed }: PruneResult) {
  return {
    domain: { name: domain.name, uuid: domain.uuid },
    executed,
    snapshots: choices.map(({ name, creationTime, keptBy }) => ({ name, creationTime, keptBy })),
    removed,
    failures: failures.map(({ name, error }) => ({
      name,
      code: error.code,
      message: error.message,
    })),
  };
}
