import { usageError } from "../command-error.js";
import { defineCommand, type CommandSpec } from "../command-spec.js";
import {
  commandGroups,
  formatAllHelp,
  formatCommandHelp,
  formatGroupHelp,
} from "../render/help.js";

export const help = defineCommand({
  name: "help",
  group: "domsnap",
  summary: "print help",
  description: "Prints global help, or help for a command or a group of commands.",
  options: [
    {
      name: "command",
      kind: "argv",
      summary: "name of a command or a group",
      completes: "command",
    },
  ],
  changes: false,
  run({ args, table }) {
    const name = args.list("command").join(" ");
    const text = findHelp(name, table);
    if (text === undefined)
      throw usageError(
        `command or command group '${name}' doesn't exist`,
        "Run 'domsnap help' for the list of commands and groups.",
      );
    return { text, data: { help: text } };
  },
});

function findHelp(name: string, table: readonly CommandSpec[]): string | undefined {
  if (name === "") return formatAllHelp(table);
  const spec = table.find((candidate) => candidate.name === name);
  if (spec) return formatCommandHelp(spec);
  const group = commandGroups().find((candidate) => candidate === name);
  return group && formatGroupHelp(group, table);
}
