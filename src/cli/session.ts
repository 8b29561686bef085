import { EXIT } from "../core/errors/index.js";
import type { ProgressEvent } from "../core/execute/progress-event.js";
import type { SnapshotService } from "../core/operations/snapshot-service.js";
import { asCommandError, asFailureOf, underHeadline, withHelpHint } from "./command-error.js";
import { createContext } from "./command-context.js";
import { runCommand, type CommandResult, type CommandSpec } from "./command-spec.js";
import type { CommandArguments } from "./grammar/command-arguments.js";
import type { CommonOption } from "./grammar/command-syntax.js";
import type { ParsedCommand } from "./grammar/parse-commands.js";
import { watchSignals } from "./interruption.js";
import type { CliStreams, SignalSource } from "./io.js";
import type { PluginSet } from "./plugin-set.js";
import { readOnlyService } from "./read-only-service.js";
import { terminalText } from "./render/display-text.js";
import { formatCommandHelp } from "./render/help.js";
import { formatJson } from "./render/json.js";
import { ProgressLine } from "./render/progress.js";
import { formatError } from "./report-error.js";

export interface SessionOptions {
  readonly table: readonly CommandSpec[];
  readonly streams: CliStreams;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly uri: string;
  /** Whether the user has named it; else a command may have another default. */
  readonly isNamedUri?: boolean;
  readonly quiet: boolean;
  readonly readonly: boolean;
  readonly json: boolean;
  readonly dryRun: boolean;
  /** Called when a command first needs it, and again only after it has failed. */
  readonly loadPlugins: () => Promise<PluginSet>;
  readonly signals?: SignalSource;
  /** Ends the process at once; for the second Ctrl-C. */
  readonly exit?: (status: number) => void;
  /** Asks the user, on a terminal. */
  readonly ask?: (question: string) => Promise<string | undefined>;
}

/** What came of a command. */
export interface Outcome {
  readonly status: number;
  readonly quit: boolean;
}

/** Runs commands over one connection (or each over its own default) and prints what they give. */
export class Session {
  readonly #options: SessionOptions;
  readonly #services = new Map<string, Promise<SnapshotService>>();
  #plugins: Promise<PluginSet> | undefined;
  #ask: SessionOptions["ask"];

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#ask = options.ask;
  }

  /** The interactive shell lends its line editor for questions. */
  set ask(ask: NonNullable<SessionOptions["ask"]>) {
    this.#ask = ask;
  }

  /** Runs commands in order; one that fails does not keep the next from running. */
  async runAll(commands: readonly ParsedCommand<CommandSpec>[]): Promise<Outcome> {
    let outcome: Outcome = { status: EXIT.ok, quit: false };
    for (const command of commands) {
      outcome = await this.run(command);
      if (outcome.quit || outcome.status === EXIT.interrupted) break;
    }
    return outcome;
  }

  /** Runs one command; its failure is printed, never thrown. */
  async run(command: ParsedCommand<CommandSpec>): Promise<Outcome> {
    const common: CommandArguments<CommonOption> = command.args;
    const json = this.#options.json || common.has("json");
    const running = watchSignals(this.#options);
    const progress = this.#progressLine();
    const told = new Set<string>();
    const onProgress = (event: ProgressEvent) => {
      if (event.type === "warning" && !json) {
        progress?.clear();
        this.#warn(event.message);
        told.add(event.message);
      }
      progress?.update(event);
    };
    let outcome: Outcome;
    try {
      const context = createContext(command.args, {
        ...this.#options,
        uri: this.#uriOf(command.spec),
        signal: running.signal,
        onProgress,
        service: () => this.service(command.spec),
        connect: (uri) => this.#connect(uri),
        tell: (message) => {
          this.#options.streams.stderr.write(terminalText(`${message}\n`));
        },
        plugins: async () => (await this.#loadPlugins()).list(),
        ask: this.#ask,
      });
      const result = command.help
        ? helpResult(command.spec)
        : await runCommand(command.spec, context);
      progress?.clear();
      this.#print(result, json, told);
      outcome = { status: result.status ?? EXIT.ok, quit: result.quit === true };
    } catch (thrown) {
      progress?.clear();
      const error = asFailureOf(command.spec.grammar, withHelpHint(thrown, command.spec.name));
      outcome = { status: this.report(error, json), quit: false };
    } finally {
      running.stop();
    }
    if (!this.#options.quiet && !json && !outcome.quit) this.#options.streams.stdout.write("\n");
    return outcome;
  }

  /** Prints an error and gives its exit status. */
  report(thrown: unknown, json = this.#options.json): number {
    const error = asCommandError(thrown);
    this.#options.streams.stderr.write(formatError(error, json));
    return error.exitStatus;
  }

  /**
   * The connection of a command, opened at the first call. Throws a CommandError; the next call
   * tries again.
   */
  async service(spec?: Pick<CommandSpec, "defaultUri">): Promise<SnapshotService> {
    return this.#connect(this.#uriOf(spec));
  }

  async #connect(uri: string): Promise<SnapshotService> {
    const service = this.#services.get(uri) ?? this.#open(uri);
    this.#services.set(uri, service);
    try {
      return await service;
    } catch (thrown) {
      this.#services.delete(uri);
      throw thrown;
    }
  }

  #uriOf(spec?: Pick<CommandSpec, "defaultUri">): string {
    const { uri, isNamedUri } = this.#options;
    return isNamedUri === true ? uri : (spec?.defaultUri ?? uri);
  }

  /** Idempotent. */
  async close(): Promise<void> {
    const services = [...this.#services.values()];
    this.#services.clear();
    for (const service of services) await (await service).close();
  }

  async #open(uri: string): Promise<SnapshotService> {
    const plugins = await this.#loadPlugins();
    const service = await underHeadline("failed to connect to the hypervisor", () =>
      plugins.openService(uri),
    );
    return this.#options.readonly ? readOnlyService(service) : service;
  }

  async #loadPlugins(): Promise<PluginSet> {
    this.#plugins ??= this.#options.loadPlugins();
    try {
      return await this.#plugins;
    } catch (thrown) {
      this.#plugins = undefined;
      throw thrown;
    }
  }

  /** A warning may tell why a command does not end: it does not wait for the end. */
  #warn(message: string): void {
    this.#options.streams.stderr.write(terminalText(`warning: ${message}\n`));
  }

  #print(result: CommandResult, json: boolean, told: ReadonlySet<string>): void {
    const { stdout } = this.#options.streams;
    if (json) {
      stdout.write(formatJson(result.data));
      return;
    }
    for (const warning of result.warnings ?? []) if (!told.has(warning)) this.#warn(warning);
    const notice = this.#options.quiet ? "" : (result.notice ?? "");
    const text = (result.text ?? "") + notice;
    stdout.write(stdout.isTTY ? terminalText(text) : text);
  }

  #progressLine(): ProgressLine | undefined {
    const { streams, quiet } = this.#options;
    if (quiet || !streams.stderr.isTTY) return undefined;
    return new ProgressLine({ write: (text) => streams.stderr.write(text) });
  }
}

function helpResult(spec: CommandSpec): CommandResult {
  const text = formatCommandHelp(spec);
  return { text, data: { help: text } };
}
