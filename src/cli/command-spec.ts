import type { ChangeOptions } from "../core/operations/shared/results.js";
import type { SnapshotService } from "../core/operations/snapshot-service.js";
import type { Domain, DomainName } from "../core/model/index.js";
import type { PluginPart } from "../plugin-loader/index.js";
import type { AnyOption, CommandArguments, ReadableOption } from "./grammar/command-arguments.js";
import type { ChangeOption, CommandSyntax, CommonOption } from "./grammar/command-syntax.js";
import type { OptionSpec } from "./grammar/option-spec.js";

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

/**
 * What a running command may use of the world. A helper of commands says by the type which options
 * it reads: `CommandContext<BoolOption<"yes">>`; without one, none.
 */
export interface CommandContext<Option extends AnyOption = never> {
  readonly args: CommandArguments<Option>;
  readonly table: readonly CommandSpec[];
  readonly uri: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly quiet: boolean;
  readonly dryRun: boolean;
  readonly signal: AbortSignal;
  /** The connection, opened at the first call. Throws a CommandError when it cannot be opened. */
  readonly service: () => Promise<SnapshotService>;
  /** Another connection by its URI, opened at the first call and closed with the session. */
  readonly connect: (uri: string) => Promise<SnapshotService>;
  /** Tells at once of something that happens while the command runs. */
  readonly tell: (message: string) => void;
  /** What the plugins of this run add. Throws `config-invalid` and `plugin-unusable`. */
  readonly plugins: () => Promise<readonly PluginPart[]>;
  /** The domain that `--domain` names. Throws virsh's message when there is none. */
  readonly domain: () => Promise<Domain>;
  /** The same, known by name and uuid only: answers also where the hypervisor hangs. */
  readonly identity: () => Promise<DomainName>;
  /** The same as `domain`, within a second also where the hypervisor hangs. */
  readonly glance: () => Promise<Domain>;
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
 * One command as data, made by `defineCommand`. The parser, `help`, the man page and the completion
 * are made from it, so that a new command is one file and one line in the command table.
 */
export interface CommandSpec extends CommandSyntax {
  readonly group: CommandGroup;
  /** The connection where none is named by --connect or the environment. */
  readonly defaultUri?: string;
  readonly summary: string;
  /** Sentences for the help and the man page; paragraphs are parted by an empty line. */
  readonly description?: string;
  readonly examples?: readonly CommandExample[];
  /** Takes a context that has the command's own options; `runCommand` gives it one. */
  readonly run: (context: never) => CommandOutcome;
}

type CommandOutcome = Promise<CommandResult> | CommandResult;

interface CommandDefinition<
  Options extends readonly OptionSpec[],
  Changes extends boolean,
> extends CommandSpec {
  readonly options: Options;
  readonly changes: Changes;
  readonly run: (
    context: CommandContext<
      ReadableOption<Options[number]> | (Changes extends true ? ChangeOption : never) | CommonOption
    >,
  ) => CommandOutcome;
}

/** A command of which `run` may read the options of its own table, and no other. */
export function defineCommand<
  const Options extends readonly OptionSpec[],
  const Changes extends boolean,
>(command: CommandDefinition<Options, Changes>): CommandSpec {
  return command;
}

/** Runs a command with what the parser has read by the command's table. */
export function runCommand(spec: CommandSpec, context: CommandContext<AnyOption>): CommandOutcome {
  // A context that answers for any option is right for every command.
  const run = spec.run as (context: CommandContext<AnyOption>) => CommandOutcome;
  return run(context);
}
