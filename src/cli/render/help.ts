import { COMMAND_GROUPS, type CommandGroup, type CommandSpec } from "../command-spec.js";
import { globalProgram } from "../global-options.js";
import { optionsOf } from "../grammar/command-syntax.js";
import type { OptionSpec } from "../grammar/option-spec.js";

/** `domsnap --help`: the options before the command, and all commands by group. */
export function formatTopHelp(table: readonly CommandSpec[]): string {
  const program = globalProgram();
  const help = program.createHelp();
  const options = program.options.map(
    (option) => `    ${help.optionTerm(option).padEnd(27)} ${help.optionDescription(option)}`,
  );
  return [
    "",
    `domsnap ${program.usage()}`,
    "",
    "  options:",
    ...options,
    "",
    "  commands (non interactive mode):",
    "",
    `${formatAllGroups(table)}
  (specify help <group> for details about the commands in the group)

  (specify help <command> for details about the command)

`,
  ].join("\n");
}

/** `help` without an argument. */
export function formatAllHelp(table: readonly CommandSpec[]): string {
  return `Grouped commands:\n\n${formatAllGroups(table)}`;
}

function formatAllGroups(table: readonly CommandSpec[]): string {
  return commandGroups()
    .map((group) => `${formatGroupHelp(group, table)}\n`)
    .join("");
}

export function commandGroups(): CommandGroup[] {
  return Object.keys(COMMAND_GROUPS) as CommandGroup[];
}

/** `help GROUP`: one line a command. */
export function formatGroupHelp(group: CommandGroup, table: readonly CommandSpec[]): string {
  const commands = table
    .filter((spec) => spec.group === group)
    .map(({ name, summary }) => `    ${name.padEnd(30)} ${summary}\n`);
  return ` ${COMMAND_GROUPS[group]} (help keyword '${group}'):\n${commands.join("")}`;
}

/** `help COMMAND`, in virsh's layout. */
export function formatCommandHelp(spec: CommandSpec): string {
  const options = optionsOf(spec);
  const sections = [
    `  NAME\n    ${spec.name} - ${spec.summary}\n`,
    `\n  SYNOPSIS\n    ${formatSynopsis(spec)}\n`,
    spec.description === undefined ? "" : `\n  DESCRIPTION\n${indent(spec.description)}\n`,
    `\n  OPTIONS\n${options.map(formatOption).join("")}`,
    formatExamples(spec),
    "\n",
  ];
  return sections.join("");
}

/** `snapshot-list <domain> [--parent] ...`. */
export function formatSynopsis(spec: CommandSpec): string {
  return [spec.name, ...synopsisOrder(spec).map(synopsisOf)].join(" ");
}

/** xl puts a leading word first, then options, and the other words last. */
function synopsisOrder(spec: CommandSpec): readonly OptionSpec[] {
  const options = optionsOf(spec);
  if (spec.grammar === undefined) return options;
  const rank = ({ leads, kind, literal }: OptionSpec) =>
    leads === true ? 0 : kind === "bool" || literal === true ? 1 : 2;
  return [...options].sort((a, b) => rank(a) - rank(b));
}

function synopsisOf({ name, kind, required, literal, short, leads }: OptionSpec): string {
  if (short !== undefined) {
    const text = kind === "bool" ? `-${short}` : `-${short} <${name}>`;
    return required ? text : `[${text}]`;
  }
  if (leads) return `[<${name}>]`;
  if (kind === "bool") return `[--${name}]`;
  if (kind === "argv") {
    const term = literal ? `--${name} <string>` : `[--${name}] <string>`;
    return required ? `<${name}>...` : `[${term}]...`;
  }
  const named = `--${name} <string>`;
  if (!required) return `[${named}]`;
  return literal ? named : `<${name}>`;
}

/** How an option is written: `[--domain] <string>`, `--tree`. */
export function optionTerm({ name, kind, required, literal, short, leads }: OptionSpec): string {
  const letter = short === undefined ? "" : `-${short}, `;
  if (kind === "bool") return `${letter}--${name}`;
  if (short !== undefined) return `${letter}--${name} <string>`;
  const bare = literal !== true && (required === true || leads === true || kind === "argv");
  return bare ? `[--${name}] <string>` : `--${name} <string>`;
}

function formatOption(option: OptionSpec): string {
  return `    ${optionTerm(option).padEnd(16)} ${option.summary}\n`;
}

function formatExamples({ examples }: CommandSpec): string {
  if (examples === undefined) return "";
  const lines = examples.map(({ line, summary }) => `    ${line}\n        ${summary}\n`);
  return `\n  EXAMPLES\n${lines.join("")}`;
}

function indent(text: string): string {
  return text.replace(/^(?=.)/gm, "    ");
}
