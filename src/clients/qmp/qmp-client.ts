import type { Socket } from "node:net";

import { asDomsnapError, DomsnapError } from "../../core/errors/index.js";
import { strerror } from "../../host/system-error.js";
import { waitable, type WaitOptions } from "./waitable.js";
import { connectMonitor, monitorBusy } from "./monitor-socket.js";
import { qmpError } from "./qmp-failure.js";
import { QmpFraming } from "./qmp-framing.js";
import { parseQmpMessage, type QmpEvent, type QmpMessage } from "./qmp-message.js";

export type { WaitOptions } from "./waitable.js";

export interface QmpConnectOptions {
  /** How long to wait for the greeting. Default 5 s. */
  readonly greetingTimeoutMs?: number;
  /** Longest wait for a reply, unless a command has its own. Default 30 s. */
  readonly commandTimeoutMs?: number;
  readonly signal?: AbortSignal;
  /** Default 64 MiB. */
  readonly maxLineBytes?: number;
}

/** Which event is meant: its name, or a test. */
export type QmpEventMatch = string | ((event: QmpEvent) => boolean);

type Waiter<Result> = ReturnType<typeof waitable<Result>>;

interface PendingCommand {
  readonly command: string;
  readonly reply: Waiter<unknown>;
}

/**
 * A client of QEMU's monitor protocol on a unix socket. Commands may be sent without waiting for
 * earlier ones; QEMU carries them out in order. A QMP socket serves one client at a time: a second
 * one is connected by the kernel, but greeted only when the first has left.
 */
export class QmpClient {
  readonly #framing: QmpFraming;
  readonly #commandTimeoutMs: number;
  readonly #pending = new Map<number, PendingCommand>();
  readonly #listeners = new Set<(event: QmpEvent) => void>();
  readonly #onClose = new Set<(reason: DomsnapError) => void>();
  #greeted: (() => void) | undefined;
  #lastId = 0;
  #closedBecause: DomsnapError | undefined;

  private constructor(
    readonly path: string,
    private readonly socket: Socket,
    options: QmpConnectOptions,
  ) {
    this.#framing = new QmpFraming(options.maxLineBytes);
    this.#commandTimeoutMs = options.commandTimeoutMs ?? 30_000;
    socket.on("data", (chunk: Buffer) => {
      this.#receive(chunk);
    });
    socket.on("error", (error) => {
      this.#shut(this.#gone(strerror(error)));
    });
    socket.on("close", () => {
      this.#shut(this.#gone("the connection was closed"));
    });
  }

  /**
   * Connects, waits for the greeting and negotiates. Throws `system-error` when nobody listens at
   * `path`, `operation-failed` when the socket is busy (no greeting in time), `tool-failed` for
   * what is no QMP, and `cancelled`.
   */
  static async connect(path: string, options: QmpConnectOptions = {}): Promise<QmpClient> {
    const timeoutMs = options.greetingTimeoutMs ?? 5000;
    const deadlineMs = performance.now() + timeoutMs;
    const socket = await connectMonitor(path, timeoutMs, options.signal);
    const client = new QmpClient(path, socket, options);
    try {
      await client.#awaitGreeting(timeoutMs, deadlineMs, options.signal);
      await client.execute("qmp_capabilities", {}, { timeoutMs, ...signalOf(options) });
      return client;
    } catch (thrown) {
      client.close();
      throw thrown;
    }
  }

  /**
   * Sends a command and gives what it returned. Throws `tool-failed` with QEMU's words when it was
   * refused (see `qmpFailureOf`), when no reply came in time, and when the connection broke;
   * `cancelled` on abort. In the last three cases QEMU may have carried it out all the same.
   */
  execute(
    command: string,
    args: Readonly<Record<string, unknown>> = {},
    options: WaitOptions = {},
  ): Promise<unknown> {
    if (this.#closedBecause) return Promise.reject(this.#closedBecause);
    const id = ++this.#lastId;
    const timeoutMs = options.timeoutMs ?? this.#commandTimeoutMs;
    const late = () =>
      new DomsnapError("tool-failed", `QEMU did not answer '${command}' within ${timeoutMs} ms`);
    const reply = waitable<unknown>(
      { timeoutMs, ...signalOf(options) },
      { late, what: `QEMU's answer to '${command}'` },
      () => this.#pending.delete(id),
    );
    if (options.signal?.aborted) return reply.promise;
    this.#pending.set(id, { command, reply });
    this.socket.write(`${JSON.stringify({ execute: command, arguments: args, id })}\n`);
    return reply.promise;
  }

  /** Calls `listener` for every event from now on; the result takes it away again. */
  subscribe(listener: (event: QmpEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /**
   * The first such event from now on: call it before the command that brings the event about.
   * Waits for ever by default. Throws `tool-failed` when the time is up or the connection breaks,
   * `cancelled` on abort.
   */
  once(match: QmpEventMatch, options: WaitOptions = {}): Promise<QmpEvent> {
    const what = typeof match === "string" ? `QEMU's event ${match}` : "an event of QEMU";
    const late = () =>
      new DomsnapError("tool-failed", `${what} did not come within ${options.timeoutMs} ms`);
    const found = waitable<QmpEvent>(options, { late, what }, () => {
      unsubscribe();
      this.#onClose.delete(found.reject);
    });
    const unsubscribe = this.subscribe((event) => {
      if (typeof match === "string" ? event.name === match : match(event)) found.resolve(event);
    });
    if (this.#closedBecause) found.reject(this.#closedBecause);
    else this.#onClose.add(found.reject);
    return found.promise;
  }

  /** Leaves; QEMU goes on. Commands without a reply fail. Repeatable. */
  close(): void {
    this.#shut(new DomsnapError("tool-failed", `the connection to '${this.path}' was closed`));
  }

  async #awaitGreeting(
    timeoutMs: number,
    deadlineMs: number,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const greeting = waitable<void>(
      { timeoutMs: Math.max(0, deadlineMs - performance.now()), ...(signal && { signal }) },
      { late: () => monitorBusy(this.path, timeoutMs), what: "QEMU's greeting" },
      () => this.#onClose.delete(greeting.reject),
    );
    this.#onClose.add(greeting.reject);
    this.#greeted = greeting.resolve;
    await greeting.promise;
  }

  #receive(chunk: Buffer): void {
    try {
      for (const line of this.#framing.push(chunk)) this.#handle(parseQmpMessage(line));
    } catch (thrown) {
      this.#shut(asDomsnapError(thrown));
    }
  }

  #handle(message: QmpMessage): void {
    switch (message.kind) {
      case "greeting":
        this.#greeted?.();
        return;
      case "event":
        for (const listener of [...this.#listeners]) listener(message.event);
        return;
      case "reply":
        this.#pendingFor(message.id)?.reply.resolve(message.result);
        return;
      case "failure":
        this.#fail(message);
    }
  }

  #fail({ id, errorClass, description }: Extract<QmpMessage, { kind: "failure" }>): void {
    const pending = this.#pendingFor(id);
    if (pending) pending.reply.reject(qmpError(pending.command, errorClass, description));
    // Without an id it says that what we sent was no QMP: no reply can be trusted any more.
    else if (id === undefined) this.#shut(qmpError("?", errorClass, description));
  }

  /** Undefined for the late reply to a command that nobody waits for any more. */
  #pendingFor(id: unknown): PendingCommand | undefined {
    return typeof id === "number" ? this.#pending.get(id) : undefined;
  }

  #gone(how: string): DomsnapError {
    const commands = [...this.#pending.values()].map(({ command }) => `'${command}'`);
    const when = commands.length > 0 ? ` before it answered ${commands.join(", ")}` : "";
    return new DomsnapError(
      "tool-failed",
      `QEMU's monitor '${this.path}' went away${when}: ${how}`,
    );
  }

  #shut(reason: DomsnapError): void {
    if (this.#closedBecause) return;
    this.#closedBecause = reason;
    this.socket.destroy();
    for (const { reply } of this.#pending.values()) reply.reject(reason);
    for (const reject of this.#onClose) reject(reason);
    this.#listeners.clear();
  }
}

/** Connects, works and leaves, whatever happens. Throws as `QmpClient.connect` and `work` do. */
export async function withQmp<Result>(
  path: string,
  options: QmpConnectOptions,
  work: (client: QmpClient) => Promise<Result>,
): Promise<Result> {
  const client = await QmpClient.connect(path, options);
  try {
    return await work(client);
  } finally {
    client.close();
  }
}

function signalOf({ signal }: { readonly signal?: AbortSignal | undefined }): {
  signal?: AbortSignal;
} {
  return signal ? { signal } : {};
}
