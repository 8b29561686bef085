import { asDomsnapError } from "../../core/errors/index.js";
import { CommandError } from "../command-error.js";
import { defineCommand, type CommandContext, type CommandResult } from "../command-spec.js";
import type { BoolOption, RequiredOption } from "../grammar/command-arguments.js";
import type { DomainName } from "../../core/model/index.js";
import { changeOutput } from "./change-output.js";
import { bool, DOMAIN } from "./common-options.js";
import { redefineFlags } from "./redefine-flags.js";

export const snapshotCurrent = defineCommand({
  name: "snapshot-current",
  group: "snapshot",
  summary: "get or set the current snapshot",
  description:
    "Prints the document of the snapshot that the running state descends from. With a name,\n" +
    "makes that snapshot the current one without changing any image.",
  options: [
    DOMAIN,
    bool("name", "print the name instead of the document"),
    bool("security-info", "include passwords and other secrets"),
    {
      name: "snapshotname",
      kind: "string",
      summary: "name of the snapshot to make current",
      completes: "snapshot",
    },
  ],
  changes: true,
  async run(context) {
    context.args.assertExclusive("name", "snapshotname");
    const domain = await context.identity();
    const name = context.args.text("snapshotname");
    return name === undefined ? printCurrent(context, domain) : setCurrent(context, domain, name);
  },
});

async function setCurrent(
  context: CommandContext,
  domain: DomainName,
  name: string,
): Promise<CommandResult> {
  const service = await context.service();
  const document = await service.getXml(domain.uuid, name, { secure: true });
  const flags = redefineFlags(document, true);
  const result = await service.create(domain.uuid, document, flags, {
    ...context.changeOptions(),
    original: { name, document },
  });
  return changeOutput(result, `Snapshot ${name} set as current`, { name });
}

async function printCurrent(
  context: CommandContext<BoolOption<"name" | "security-info"> | RequiredOption<"domain">>,
  domain: DomainName,
): Promise<CommandResult> {
  const service = await context.service();
  const name = await currentName(context, domain);
  if (context.args.has("name")) return { text: name, data: { name } };
  const secure = context.args.has("security-info");
  const xml = await service.getXml(domain.uuid, name, { secure });
  return { text: xml, data: { name, xml } };
}

async function currentName(
  context: CommandContext<RequiredOption<"domain">>,
  domain: DomainName,
): Promise<string> {
  try {
    return await (await context.service()).current(domain.uuid);
  } catch (thrown) {
    const reason = asDomsnapError(thrown);
    if (reason.code !== "no-domain-snapshot") throw reason;
    const typed = context.args.requiredText("domain");
    throw new CommandError([`domain '${typed}' has no current snapshot`], reason);
  }
}
