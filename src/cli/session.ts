import { EXIT } from "../core/errors/index.js";
import type { SnapshotService } from "../core/operations/snapshot-service.js";
import { asCommandError, underHeadline } from "./command-error.js";
import { createContext } from "./command-context.js";
import type { CommandResult, CommandSpec } from "./command-spec.js";
import type { ParsedCommand } from "./grammar/parse-commands.js";
import { watchSignals } from "./interruption.js";
import type { CliStreams, SignalSource } from "./io.js";
import { readOnlyService } from "./read-only-service.js";
import { terminalText } from "./render/display-text.js";
import { formatCommandHelp } from "./render/help.js";
import { formatJson } from "./render/json.js";
import { ProgressLine } from "./render/progress.js";
import { formatError } from "./report-error.js";

/** Opens the service behind a URI; called at most once a session, and only by need. */
export type OpenService = (uri: string) => Promise<SnapshotService>;

export interface SessionOptions {
  readonly table: readonly CommandSpec[];
  readonly streams: CliStreams;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly uri: string;
  readonly quiet: boolean;
  readonly readonly: boolean;
  readonly json: boolean;
  readonly dryRun: boolean;
  readonly openService: OpenService;
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

/** Runs commands over one connection and prints what they give. */
export class Session {
  readonly #options: SessionOptions;
  #service: Promise<SnapshotService> | undefined;
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
  async runAll(commands: readonly ParsedCommand[]): Promise<Outcome> {
    let outcome: Outcome = { status: EXIT.ok, quit: false };
    for (const command of commands) {
      outcome = await this.run(command);
      if (outcome.quit || outcome.status === EXIT.interrupted) break;
    }
    return outcome;
  }

  /** Runs one command; its failure is printed, never thrown. */
  async run(command: ParsedCommand): Promise<Outcome> {
    const json = this.#options.json || command.args.has("json");
    const running = watchSignals(this.#options);
    const progress = this.#progressLine();
    let outcome: Outcome;
    try {
      const context = createContext(command.args, {
        ...this.#options,
        signal: running.signal,
        onProgress: progress && ((event) => progress.update(event)),
        service: () => this.service(),
        ask: this.#ask,
      });
      const result = command.help ? helpResult(command.spec) : await command.spec.run(context);
      progress?.clear();
      this.#print(result, json);
      outcome = { status: result.status ?? EXIT.ok, quit: result.quit === true };
    } catch (thrown) {
      progress?.clear();
      outcome = { status: this.report(thrown, json), quit: false };
    } finally {
      running.stop();
    }
    if (!this.#options.quiet && !json && !outcome.quit) this.#options.streams.stdout.write("\n");
    return outcome;
  }

  /** Prints an error and gives its exit status. */
  report(thrown: unknown, json = this.#options.json): number {
    const error = asCommandError(thrown);
    const { streams, quiet } = this.#options;
    streams.stderr.write(formatError(error, { quiet, json }));
    return error.reason.exitStatus;
  }

  /** The connection, opened at the first call. Throws a CommandError; the next call tries again. */
  async service(): Promise<SnapshotService> {
    this.#service ??= this.#open();
    try {
      return await this.#service;
    } catch (thrown) {
      this.#service = undefined;
      throw thrown;
    }
  }

  /** Idempotent. */
  async close(): Promise<void> {
    const service = await this.#service;
    this.#service = undefined;
    await service?.close();
  }

  async #open(): Promise<SnapshotService> {
    const { openService, uri, readonly } = this.#options;
    const service = await underHeadline("failed to connect to the hypervisor", () =>
      openService(uri),
    );
    return readonly ? readOnlyService(service) : service;
  }

  #print(result: CommandResult, json: boolean): void {
    const { stdout, stderr } = this.#options.streams;
    if (json) {
      stdout.write(formatJson(result.data));
      return;
    }
    for (const warning of result.warnings ?? [])
      stderr.write(terminalText(`warning: ${warning}\n`));
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
