import { ERROR_CATALOGUE, EXIT } from "../../core/errors/index.js";
import { XL_USAGE_STATUS } from "../command-error.js";
import { COMMAND_TABLE } from "../command-table.js";
import { COMMAND_GROUPS, type CommandSpec } from "../command-spec.js";
import { globalProgram } from "../global-options.js";
import { optionsOf } from "../grammar/command-syntax.js";
import { commandGroups, formatSynopsis, optionTerm } from "../render/help.js";

/** The manual page domsnap(1) in roff, made from the command table. */
export function formatManPage({ version }: { readonly version: string }): string {
  return [
    `.TH DOMSNAP 1 "" "domsnap ${roffText(version)}" "User Commands"`,
    ".SH NAME",
    "domsnap \\- domain snapshots for Xen and QEMU guests",
    ".SH SYNOPSIS",
    `.B domsnap`,
    roffText(globalProgram().usage()),
    ".SH DESCRIPTION",
    roffText(DESCRIPTION),
    ".SH OPTIONS",
    ...globalOptions(),
    ...commandGroups().flatMap((group) => [
      `.SH ${roffText(COMMAND_GROUPS[group].toUpperCase())}`,
      ...COMMAND_TABLE.filter((spec) => spec.group === group).flatMap(commandSection),
    ]),
    ".SH OUTPUT FOR PROGRAMS",
    roffText(JSON_TEXT),
    ".SH EXIT STATUS",
    ...exitStatuses(),
    ".SH ENVIRONMENT",
    ...ENVIRONMENT.flatMap(([name, text]) => term(`\\fB${name}\\fR`, text)),
    ".SH FILES",
    ...FILES.flatMap(([name, text]) => term(`\\fI${roffText(name)}\\fR`, text)),
    ".SH ERRORS",
    "Each error has a code; \\fBdomsnap explain\\fR tells more of it.",
    ...Object.entries(ERROR_CATALOGUE).flatMap(([code, { summary }]) =>
      term(`\\fB${roffText(code)}\\fR`, summary),
    ),
    ".SH SEE ALSO",
    "\\fBvirsh\\fR(1), \\fBxl\\fR(1), \\fBqemu\\-img\\fR(1)",
    "",
  ].join("\n");
}

const DESCRIPTION =
  "domsnap takes, lists, reverts to and deletes snapshots of virtual machines from libvirt's " +
  "<domainsnapshot> documents. Its commands have the grammar, the output and the exit status of " +
  "virsh. One argument may hold several commands, parted by semicolons; without a command they " +
  "are read from standard input, and on a terminal an interactive shell begins.";

const JSON_TEXT =
  "With --json each command prints one JSON document. A number that JSON cannot hold exactly is a " +
  "string of digits; what is not known is left out. An error is printed on standard error as " +
  '{"error": {"code", "message", "hint", "effect", "exitStatus"}}, where effect is none, ' +
  "rolled-back or partial.";

const ENVIRONMENT = [
  ["DOMSNAP_DEFAULT_URI", "The connection without --connect."],
  ["DOMSNAP_CONFIG", "One file to read in place of those below FILES; none if it is empty."],
  ["DOMSNAP_VHD_ENGINE", "Who copies data when VHDs are merged: native (default) or vhd-util."],
  ["XDG_CONFIG_HOME", "Where the user's configuration is; ~/.config without it."],
  ["XDG_DATA_HOME", "Where an ordinary user's definitions and snapshots are kept."],
  ["VISUAL, EDITOR", "The editor of snapshot-edit; vi without them."],
] as const;

const FILES = [
  ["/etc/domsnap/config.json", "The configuration for all users."],
  ["~/.config/domsnap/config.json", "That of one user, which wins key by key."],
] as const;

function globalOptions(): string[] {
  return globalProgram().options.flatMap(({ flags, description }) =>
    term(`\\fB${roffText(flags)}\\fR`, description),
  );
}

function exitStatuses(): string[] {
  return [
    ...term(String(EXIT.ok), "The last command succeeded."),
    ...term(String(EXIT.failed), "It failed, or the command line could not be understood."),
    ...term(String(EXIT.unfinished), "It was begun and could neither be finished nor undone yet."),
    ...term(String(EXIT.interrupted), "It was cancelled and rolled back."),
    ".PP",
    `Commands of the group xl exit as xl does: with ${XL_USAGE_STATUS} for a command line that could ` +
      `not be understood, and with ${EXIT.failed} for all that failed.`,
  ];
}

function commandSection(spec: CommandSpec): string[] {
  return [
    `.SS ${roffText(spec.name)}`,
    roffText(formatSynopsis(spec)),
    ".PP",
    roffText(`${capitalize(spec.summary)}.`),
    ...(spec.description === undefined ? [] : [roffText(spec.description)]),
    ...optionsOf(spec).flatMap((option) =>
      term(`\\fB${roffText(optionTerm(option))}\\fR`, option.summary),
    ),
    ...(spec.examples ?? []).flatMap(({ line, summary }) => [
      ".PP",
      roffText(summary),
      ".PP",
      ".EX",
      `    ${roffText(line)}`,
      ".EE",
    ]),
  ];
}

function term(name: string, text: string): string[] {
  return [".TP", name, roffText(text)];
}

function capitalize(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Plain text for roff: backslashes, dashes and what would begin a request are escaped. */
function roffText(text: string): string {
  return text
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replace(/^(?=[.'])/gm, "\\&");
}
