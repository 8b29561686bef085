import { asDomsnapError, EXIT } from "../core/errors/index.js";
import type { ChangeOptions } from "../core/operations/results.js";
import type { SnapshotService } from "../core/operations/snapshot-service.js";
import { asCommandError, CommandError, underHeadline, usageError } from "./command-error.js";
import type { CommandContext, CommandResult, CommandSpec } from "./command-spec.js";
import { formatCommandHelp } from "./render/help.js";
import { editText } from "./editor.js";
import type { CommandArguments } from "./grammar/command-arguments.js";
import type { ParsedCommand } from "./grammar/parse-commands.js";
import type { CliStreams, SignalSource } from "./io.js";
import { readOnlyService } from "./read-only-service.js";
import { terminalText } from "./render/display-text.js";
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
    const running = this.#watchSignals();
    const progress = this.#progressLine();
    let outcome: Outcome;
    try {
      const context = this.#context(command.args, running.signal, progress);
      const result = command.help ? helpResult(command.spec) : await command.spec.run(context);
      progress?.clear();
      this.#print(result, json);
      outcome = { status: EXIT.ok, quit: result.quit === true };
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

  /** The connection, opened at the first call. Throws a CommandError. */
  service(): Promise<SnapshotService> {
    this.#service ??= this.#open();
    return this.#service;
  }

  /** Idempotent. */
  async close(): Promise<void> {
    const service = await this.#service?.catch(() => undefined);
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

  #context(
    args: CommandArguments,
    signal: AbortSignal,
    progress: ProgressLine | undefined,
  ): CommandContext {
    const { table, uri, env, quiet } = this.#options;
    const dryRun = this.#options.dryRun || args.has("dry-run");
    const lockTimeoutMs = () => lockTimeout(args);
    return {
      args,
      table,
      uri,
      env,
      quiet,
      dryRun,
      signal,
      service: () => this.service(),
      domain: async () => findDomain(await this.service(), args.requiredText("domain")),
      changeOptions: (): ChangeOptions => ({
        dryRun,
        signal,
        ...(progress && { onProgress: (event) => progress.update(event) }),
        ...lockTimeoutMs(),
      }),
      edit: (text) => editText(text, env),
      ask: (question) => this.#ask?.(question) ?? Promise.resolve(undefined),
    };
  }

  #print(result: CommandResult, json: boolean): void {
    const { stdout, stderr } = this.#options.streams;
    for (const warning of result.warnings ?? [])
      stderr.write(terminalText(`warning: ${warning}\n`));
    if (json) {
      stdout.write(formatJson(result.data));
      return;
    }
    const notice = this.#options.quiet ? "" : (result.notice ?? "");
    const text = (result.text ?? "") + notice;
    stdout.write(stdout.isTTY ? terminalText(text) : text);
  }

  #progressLine(): ProgressLine | undefined {
    const { streams, quiet } = this.#options;
    if (quiet || !streams.stderr.isTTY) return undefined;
    return new ProgressLine({ write: (text) => streams.stderr.write(text) });
  }

  /** The first Ctrl-C lets the running command roll back, the second ends the process. */
  #watchSignals(): { signal: AbortSignal; stop: () => void } {
    const { signals, exit } = this.#options;
    const controller = new AbortController();
    const interrupt = (): void => {
      if (controller.signal.aborted) exit?.(EXIT.interrupted);
      else controller.abort();
    };
    signals?.on("SIGINT", interrupt);
    signals?.on("SIGTERM", interrupt);
    return {
      signal: controller.signal,
      stop: () => {
        signals?.off("SIGINT", interrupt);
        signals?.off("SIGTERM", interrupt);
      },
    };
  }
}

async function findDomain(
  service: SnapshotService,
  reference: string,
): ReturnType<SnapshotService["findDomain"]> {
  try {
    return await service.findDomain(reference);
  } catch (thrown) {
    const reason = asDomsnapError(thrown);
    if (reason.code !== "no-domain") throw reason;
    throw new CommandError([`failed to get domain '${reference}'`], reason);
  }
}

function lockTimeout(args: CommandArguments): Pick<ChangeOptions, "lockTimeoutMs"> {
  if (!args.has("lock-timeout")) return {};
  const seconds = args.requiredText("lock-timeout");
  if (!/^\d{1,6}(\.\d{1,3})?$/.test(seconds))
    throw usageError(
      `Numeric value '${seconds}' for <lock-timeout> option is malformed or out of range`,
    );
  return { lockTimeoutMs: Number(seconds) * 1000 };
}

function helpResult(spec: CommandSpec): CommandResult {
  const text = formatCommandHelp(spec);
  return { text, data: { help: text } };
}
