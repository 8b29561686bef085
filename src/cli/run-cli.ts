import { EXIT } from "../core/errors/index.js";
import { asCommandError } from "./command-error.js";
import { COMMAND_TABLE } from "./command-table.js";
import { defaultUri, makeDefaultFolder } from "./default-uri.js";
import { parseGlobalOptions, type GlobalOptions } from "./global-options.js";
import { formatTopHelp } from "./render/help.js";
import { formatVersion } from "./version.js";
import { parseCommands } from "./grammar/parse-commands.js";
import { tokenizeText, tokenizeWords } from "./grammar/tokenizer.js";
import type { CliStreams, SignalSource } from "./io.js";
import type { LoadPlugins, PluginSet } from "./plugin-set.js";
import { formatError } from "./report-error.js";
import { Session } from "./session.js";

export interface CliOptions extends CliStreams {
  /** Without the interpreter and the script. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly loadPlugins: LoadPlugins;
  readonly signals?: SignalSource;
  readonly exit?: (status: number) => void;
}

/**
 * One run of the command line. With a command: runs it. Without: commands from standard input,
 * with an interactive shell when that is a terminal. Never throws; gives the exit status, which
 * is that of the last command.
 */
export async function runCli(options: CliOptions): Promise<number> {
  let global: GlobalOptions;
  try {
    global = parseGlobalOptions(options.argv);
  } catch (thrown) {
    return fail(thrown, options, options.argv.includes("--json"));
  }
  const { stdout } = options;
  if (global.help || global.version !== undefined) {
    stdout.write(global.help ? formatTopHelp(COMMAND_TABLE) : formatVersion(global.version));
    return EXIT.ok;
  }
  const session = openSession(options, global);
  try {
    if (global.words.length > 0) return await runWords(session, global);
    const { runShell, runScript } = await import("./shell.js");
    return options.stdin.isTTY
      ? await runShell(session, options, COMMAND_TABLE)
      : await runScript(session, options, COMMAND_TABLE);
  } finally {
    await session.close();
  }
}

function openSession(options: CliOptions, global: GlobalOptions): Session {
  const { env, loadPlugins, signals, exit } = options;
  const isNamed = global.connect !== undefined || Boolean(env["DOMSNAP_DEFAULT_URI"]);
  const uri = global.connect ?? defaultUri(env);
  return new Session({
    table: COMMAND_TABLE,
    streams: options,
    env,
    uri,
    isNamedUri: isNamed,
    quiet: global.quiet,
    readonly: global.readonly,
    json: global.json,
    dryRun: global.dryRun,
    loadPlugins: async () => {
      const plugins = await loadPlugins(global.plugins);
      return isNamed ? plugins : withDefaultFolder(plugins);
    },
    ...(signals && { signals }),
    ...(exit && { exit }),
    ask: askOnTerminal(options),
  });
}

function withDefaultFolder(plugins: PluginSet): PluginSet {
  return {
    ...plugins,
    openService: (uri) => {
      makeDefaultFolder(uri);
      return plugins.openService(uri);
    },
  };
}

/** One word is a text with commands in it; more are one command that a shell has split. */
async function runWords(session: Session, { words, json }: GlobalOptions): Promise<number> {
  const [text = ""] = words;
  // virsh fails on an empty text without a word.
  if (words.length === 1 && text === "") return EXIT.failed;
  const tokens = words.length === 1 ? tokenizeText(text) : tokenizeWords(words);
  try {
    return (await session.runAll(parseCommands(tokens, COMMAND_TABLE))).status;
  } catch (thrown) {
    return session.report(thrown, json || words.some((word) => word.includes("--json")));
  }
}

/** Asks on the terminal; without one there is no answer. */
function askOnTerminal(streams: CliStreams) {
  return async (question: string): Promise<string | undefined> => {
    const { stdin, stderr } = streams;
    if (!stdin.isTTY) return undefined;
    const { createInterface } = await import("node:readline/promises");
    const output = stderr as unknown as NodeJS.WritableStream;
    const terminal = createInterface({ input: stdin, output });
    try {
      return await terminal.question(question);
    } finally {
      terminal.close();
    }
  };
}

function fail(thrown: unknown, { stderr }: CliStreams, json: boolean): number {
  const error = asCommandError(thrown);
  stderr.write(formatError(error, json));
  return error.exitStatus;
}
