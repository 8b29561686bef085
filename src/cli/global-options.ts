import { Command, CommanderError } from "commander";
import { usageError } from "./command-error.js";

/** What comes before the command. */
export interface GlobalOptions {
  readonly connect?: string;
  readonly quiet: boolean;
  readonly readonly: boolean;
  readonly json: boolean;
  readonly dryRun: boolean;
  /** Plugins to load beside those that the configuration names. */
  readonly plugins: readonly string[];
  readonly help: boolean;
  readonly version?: "short" | "long";
  /** The command with its arguments, or one text with several commands. */
  readonly words: readonly string[];
}

/** The options before the command as a commander program; `help` and the man page print it too. */
export function globalProgram(): Command {
  return new Command("domsnap")
    .usage("[options]... [<command> [args...] | <command_string>]")
    .helpOption(false)
    .passThroughOptions()
    .exitOverride()
    .configureOutput({ writeErr: () => undefined, writeOut: () => undefined })
    .option("-c, --connect <URI>", "connect to this toolstack instead of the default one")
    .option("-q, --quiet", "no success messages, table headers and progress")
    .option("-r, --readonly", "refuse every change")
    .option("--json", "print results and errors as JSON")
    .option("--dry-run", "print the plan of every change, change nothing")
    .option<string[]>("--plugin <MODULE>", "load a plugin, too: a file or a package", append, [])
    .option("-h, --help", "print this help")
    .option("-v", "print the version")
    .option("-V", "print the version and what it runs on")
    .option("--version [TYPE]", "print the version; TYPE is short or long")
    .argument("[command...]");
}

/** Reads the options up to the first word that is none. Throws `usage` with virsh's messages. */
export function parseGlobalOptions(argv: readonly string[]): GlobalOptions {
  const program = globalProgram();
  try {
    program.parse([...argv], { from: "user" });
  } catch (thrown) {
    throw translate(thrown);
  }
  const options: Record<string, unknown> = program.opts();
  const version = versionType(options);
  return {
    ...(typeof options["connect"] === "string" ? { connect: options["connect"] } : {}),
    quiet: options["quiet"] === true,
    readonly: options["readonly"] === true,
    json: options["json"] === true,
    dryRun: options["dryRun"] === true,
    plugins: options["plugin"] as string[],
    help: options["help"] === true,
    ...(version === undefined ? {} : { version }),
    words: program.args,
  };
}

/** For an option that may be given many times. */
function append(value: string, before: readonly string[]): string[] {
  return [...before, value];
}

function versionType(options: Record<string, unknown>): "short" | "long" | undefined {
  const type = options["version"];
  if (options["V"] === true || type === "long") return "long";
  if (options["v"] === true || type === true || type === "short") return "short";
  if (typeof type === "string") throw usageError(`unsupported version type '${type}'`);
  return undefined;
}

/** commander's complaint in virsh's words. */
function translate(thrown: unknown): unknown {
  if (!(thrown instanceof CommanderError)) return thrown;
  const option = /'([^']*)'/.exec(thrown.message)?.[1] ?? "";
  if (thrown.code === "commander.unknownOption")
    return usageError(`unsupported option '${option}'. See --help.`);
  if (thrown.code === "commander.optionMissingArgument") {
    const [short, long] = option.split(/[ ,]+/);
    return usageError(`option '${short}'/'${long}' requires an argument`);
  }
  return usageError(thrown.message.replace(/^error: /, ""));
}
