import type { ChangeOptions } from "../core/operations/shared/results.js";
import type { SnapshotService } from "../core/operations/snapshot-service.js";
import type { Domain } from "../core/model/index.js";
import type { PluginPart } from "../plugin-loader/index.js";
import type { CommandArguments } from "./grammar/command-arguments.js";

/** What an argument names, for completion on the command line and in the interactive shell. */
export type Completion = "domain" | "snapshot" | "file" | "command" | "error-code";

/** One option of a command, with virsh's kinds. */
export interface OptionSpec {
  /** Without the two dashes. */
  readonly name: string;
  /** `argv` is a string that may be given many times; it takes all that is left on the line. */
  readonly kind: "bool" | "string" | "argv";
  readonly required?: boolean;
  /** Only `--name VALUE` sets it; a word without a name never does. */
  readonly literal?: boolean;
  /** One letter: `-n VALUE`. Only where the grammar is xl's. */
  readonly short?: string;
  /** Stands before the other words without a name, if there is one more than they take. */
  readonly leads?: boolean;
  readonly summary: string;
  readonly completes?: Completion | readonly string[];
}

export interface CommandExample {
  readonly line: string;
  readonly summary: string;
}

/** What a command found out or did. The session prints it, as text or as JSON. */
export interface CommandResult {
  /** What was asked for. Printed as it stands, also with --quiet. */
  readonly text?: string;
  /** Tells of success; --quiet leaves it out. */
  readonly notice?: string;
  /** The same for programs, printed with --json. Plain data; bigints are allowed. */
  readonly data: unknown;
  /** Sentences for standard error. */
  readonly warnings?: readonly string[];
  /** Exit status of a command that has found something wrong; 0 when missing. */
  readonly status?: number;
  /** Leave the shell, or the rest of the line. */
  readonly quit?: boolean;
}

/** What a running command may use of the world. */
export interface CommandContext {
  readonly args: CommandArguments;
  readonly table: readonly CommandSpec[];
  readonly uri: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly quiet: boolean;
  readonly dryRun: boolean;
  readonly signal: AbortSignal;
  /** The connection, opened at the first call. Throws a CommandError when it cannot be opened. */
  readonly service: () => Promise<SnapshotService>;
  /** What the plugins of this run add. Throws `config-invalid` and `plugin-unusable`. */
  readonly plugins: () => Promise<readonly PluginPart[]>;
  /** The domain that `--domain` names. Throws virsh's message when there is none. */
  readonly domain: () => Promise<Domain>;
  /** Options for every call that changes something. */
  readonly changeOptions: () => ChangeOptions;
  /** Lets the user edit a text in their editor and gives it back. */
  readonly edit: (text: string) => Promise<string>;
  /** The answer to a question, or undefined without a terminal. */
  readonly ask: (question: string) => Promise<string | undefined>;
}

/** The groups of `help`, in its order. */
export const COMMAND_GROUPS = {
  snapshot: "Snapshot",
  xl: "Snapshots as proposed for xl",
  domain: "Domain Management",
  xml: "XML Documents",
  host: "Host and Connection",
  domsnap: "Domsnap itself",
} as const;
export type CommandGroup = keyof typeof COMMAND_GROUPS;

/**
 * One command as data. The parser, `help`, the man page and the completion are made from it, so
 * that a new command is one file and one line in the command table.
 */
export interface CommandSpec {
  /** One word, or two with a blank between them (`xml check`). */
  readonly name: string;
  readonly group: CommandGroup;
  /**
   * Missing is virsh's. xl's has options of one letter (getopt), puts them before the other words,
   * and has 2 as the exit status of a wrong command line, 1 of any other failure.
   */
  readonly grammar?: "xl";
  /** The connection where none is named by --connect or the environment. */
  readonly defaultUri?: string;
  readonly summary: string;
  /** Sentences for the help and the man page; paragraphs are parted by an empty line. */
  readonly description?: string;
  /** In the order in which words without a name fill them. */
  readonly options: readonly OptionSpec[];
  readonly examples?: readonly CommandExample[];
  /** Whether it changes something; such a command takes --dry-run. */
  readonly changes: boolean;
  readonly run: (context: CommandContext) => Promise<CommandResult> | CommandResult;
}

const JSON_OPTION: OptionSpec = {
  name: "json",
  kind: "bool",
  summary: "print the result as JSON",
};

const CHANGE_OPTIONS: readonly OptionSpec[] = [
  { name: "dry-run", kind: "bool", summary: "print the plan, change nothing" },
  {
    name: "lock-timeout",
    kind: "string",
    literal: true,
    summary: "seconds to wait for another domsnap on the domain (default 30)",
  },
];

/** All options of a command: its own first, then those that domsnap adds to each. */
export function optionsOf(spec: CommandSpec): readonly OptionSpec[] {
  return [...spec.options, ...(spec.changes ? CHANGE_OPTIONS : []), JSON_OPTION];
}
