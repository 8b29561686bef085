import { asDomsnapError, type DomsnapError } from "../../core/errors/index.js";
import type { CreateOptions, CreateResult } from "../../core/operations/shared/results.js";
import type { DomainName } from "../../core/model/index.js";
import { asCommandError, CommandError, usageError } from "../command-error.js";
import { defineCommand, type CommandContext, type CommandResult } from "../command-spec.js";
import type { BoolOption, TextOption } from "../grammar/command-arguments.js";
import { changeOutput } from "./change-output.js";
import { bool, DOMAIN, SNAPSHOT_NAME } from "./common-options.js";
import { redefineFlags } from "./redefine-flags.js";
import { findNamedOrCurrent } from "./snapshot-argument.js";

export const snapshotEdit = defineCommand({
  name: "snapshot-edit",
  group: "snapshot",
  summary: "edit the XML of a snapshot",
  description:
    "Opens the document of a snapshot in $VISUAL, $EDITOR or vi, and records what comes back.\n" +
    "No image is touched. Another name in the document needs --rename or --clone.",
  options: [
    DOMAIN,
    SNAPSHOT_NAME,
    bool("current", "also make the edited snapshot the current one"),
    bool("rename", "allow another name"),
    bool("clone", "allow a copy under another name"),
  ],
  changes: true,
  async run(context) {
    context.args.assertExclusive("rename", "clone");
    const domain = await context.identity();
    const name = await findNamedOrCurrent(context, domain);
    try {
      return await editSnapshot(context, domain, name);
    } catch (thrown) {
      const { lines, reason } = asCommandError(thrown);
      throw new CommandError([...lines, `Failed to update ${name}`], reason);
    }
  },
});

type EditContext = CommandContext<
  TextOption<"snapshotname"> | BoolOption<"current" | "rename" | "clone">
>;

async function editSnapshot(
  context: EditContext,
  domain: DomainName,
  name: string,
): Promise<CommandResult> {
  const service = await context.service();
  const original = await service.getXml(domain.uuid, name, { secure: true });
  const makeCurrent = context.args.has("current") && context.args.has("snapshotname");
  let text = original;
  for (;;) {
    text = await context.edit(text);
    if (text === original && !makeCurrent)
      return {
        notice: `Snapshot ${name} XML configuration not changed.\n`,
        data: { name, changed: false },
      };
    try {
      return await redefine(context, domain, { name, document: original }, text);
    } catch (thrown) {
      const error = asCommandError(thrown);
      if (error.reason.code === "cancelled" || !(await wantsAnotherTry(context, error.reason)))
        throw error;
    }
  }
}

const HELP = "y: edit again, n: throw the changes away\n";

/** Asks on a terminal; without one the answer is no. */
async function wantsAnotherTry(context: CommandContext, reason: DomsnapError): Promise<boolean> {
  for (;;) {
    const answer = await context.ask(`error: ${reason.message}\nFailed. Try again? [y,n,?]: `);
    if (answer === undefined || /^n/i.test(answer)) return false;
    if (/^y/i.test(answer)) return true;
    await context.ask(`${HELP}(Enter) `);
  }
}

async function redefine(
  context: EditContext,
  domain: DomainName,
  original: NonNullable<CreateOptions["original"]>,
  text: string,
): Promise<CommandResult> {
  const service = await context.service();
  const { name } = original;
  const options = { ...context.changeOptions(), original };
  const makeCurrent = context.args.has("current") && context.args.has("snapshotname");
  const flags = redefineFlags(text, makeCurrent);
  // The trial run tells the name in the document, so that nothing has to be taken back.
  const trial = await service.create(domain.uuid, text, flags, { ...options, dryRun: true });
  const newName = trial.snapshot.name;
  if (newName !== name && !context.args.has("rename") && !context.args.has("clone"))
    throw usageError(`Must use --rename or --clone to change ${name} to ${newName}`);
  if (context.dryRun) return changeOutput(trial, undefined, { name: newName });
  const result = await service.create(domain.uuid, text, flags, options);
  if (newName !== name && context.args.has("rename")) await removeOldName(context, domain, name);
  return changeOutput(result, outcomeText(context, name, result), { name: newName, changed: true });
}

function outcomeText(
  { args }: EditContext,
  name: string,
  { snapshot }: CreateResult,
): string | undefined {
  if (snapshot.name === name) return `Snapshot ${name} edited.\n`;
  return args.has("clone") ? `Snapshot ${name} cloned to ${snapshot.name}.\n` : undefined;
}

async function removeOldName(
  context: CommandContext,
  domain: DomainName,
  name: string,
): Promise<void> {
  const service = await context.service();
  try {
    await service.delete(domain.uuid, name, { metadataOnly: true }, context.changeOptions());
  } catch (thrown) {
    const reason = asDomsnapError(thrown);
    throw new CommandError([reason.message, `Failed to clean up ${name}`], reason);
  }
}
