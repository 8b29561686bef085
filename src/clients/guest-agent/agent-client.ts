import { connect, type Socket } from "node:net";

import { number, type BaseIssue, type BaseSchema, type InferOutput, parse } from "valibot";

import { DomsnapError } from "../../core/errors/index.js";
import { tryParseJson } from "../../formats/json.js";
import { waitable, type WaitOptions } from "../qmp/waitable.js";
import { strerror } from "../../host/system-error.js";
import { AgentFraming, DELIMITER } from "./agent-framing.js";

export interface AgentConnectOptions {
  /** How long to wait until the agent has answered for the first time. */
  readonly syncTimeoutMs: number;
  readonly signal?: AbortSignal;
}

/**
 * A client of the agent in a guest, through the socket of its channel. The protocol has neither a
 * greeting nor numbers for commands, and QEMU keeps what an earlier client did not read: so both
 * sides first agree on a number of the moment (`guest-sync-delimited`), and everything that comes
 * before it is thrown away. One command at a time, one client at a time. (QEMU: guest agent
 * protocol reference.)
 */
export class AgentClient {
  readonly #framing = new AgentFraming();
  #onLine: ((line: string) => void) | undefined;
  #onClose: ((reason: DomsnapError) => void) | undefined;
  #closedBecause: DomsnapError | undefined;

  private constructor(private readonly socket: Socket) {
    socket.on("data", (chunk: Buffer) => {
      try {
        for (const line of this.#framing.push(chunk)) this.#onLine?.(line);
      } catch (thrown) {
        this.#shut(unresponsive(strerror(thrown)));
      }
    });
    socket.on("error", (error) => {
      this.#shut(unresponsive(strerror(error)));
    });
    socket.on("close", () => {
      this.#shut(unresponsive("the connection to the agent was closed"));
    });
  }

  /**
   * Throws `agent-unresponsive` when nobody is connected at the other end, when nothing sensible
   * comes in time (also while another client has the channel), and `cancelled`.
   */
  static async connect(path: string, options: AgentConnectOptions): Promise<AgentClient> {
    const client = new AgentClient(await open(path));
    try {
      await client.#synchronize(options);
      return client;
    } catch (thrown) {
      client.close();
      throw thrown;
    }
  }

  /**
   * Sends a command and gives what it returned. Throws `agent-failed` with the agent's words when it
   * was refused; `agent-unresponsive` when no answer came in time, a senseless one, or none because
   * the connection broke, and `cancelled`: then the agent may have carried it out all the same.
   */
  async execute<Schema extends BaseSchema<unknown, unknown, BaseIssue<unknown>>>(
    command: string,
    schema: Schema,
    options: WaitOptions,
  ): Promise<InferOutput<Schema>> {
    const reply = toRecord(await this.#exchange(command, {}, options, () => true));
    if (!reply) throw unresponsive(`its answer to '${command}' is not understood`);
    const { error } = reply;
    if (error !== undefined) {
      const { desc } = toRecord(error) ?? {};
      const words = typeof desc === "string" ? desc : "it does not say why";
      throw new DomsnapError(
        "agent-failed",
        `unable to execute QEMU agent command '${command}': ${words}`,
      );
    }
    try {
      return parse(schema, reply["return"]);
    } catch (cause) {
      throw unresponsive(`its answer to '${command}' is not understood`, cause);
    }
  }

  /** Leaves. Repeatable. */
  close(): void {
    this.#shut(unresponsive("the connection to the agent was closed"));
  }

  async #synchronize({ syncTimeoutMs, signal }: AgentConnectOptions): Promise<void> {
    const id = Math.floor(Math.random() * 2 ** 31);
    // In no JSON: an agent that waits for the rest of somebody's message gives that up.
    this.socket.write(Buffer.of(DELIMITER));
    await this.#exchange(
      "guest-sync-delimited",
      { id },
      { timeoutMs: syncTimeoutMs, ...(signal && { signal }) },
      (reply) => toRecord(reply)?.["return"] === id,
    );
  }

  /** Sends a command, and gives the first line that is wanted; others are thrown away. */
  #exchange(
    command: string,
    args: Readonly<Record<string, unknown>>,
    options: WaitOptions,
    isWanted: (reply: unknown) => boolean,
  ): Promise<unknown> {
    if (this.#closedBecause) return Promise.reject(this.#closedBecause);
    const late = () => unresponsive(`no answer to '${command}' within ${options.timeoutMs} ms`);
    const what = `the guest agent's answer to '${command}'`;
    const reply = waitable<unknown>(options, { late, what }, () => {
      this.#onLine = undefined;
      this.#onClose = undefined;
    });
    this.#onClose = reply.reject;
    this.#onLine = (line) => {
      const parsed = tryParseJson(line);
      if (isWanted(parsed)) reply.resolve(parsed);
    };
    this.socket.write(`${JSON.stringify({ execute: command, arguments: args })}\n`);
    return reply.promise;
  }

  #shut(reason: DomsnapError): void {
    if (this.#closedBecause) return;
    this.#closedBecause = reason;
    this.socket.destroy();
    this.#onClose?.(reason);
  }
}

export const WholeNumber = number();

function open(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    const refused = (error: Error) => {
      reject(unresponsive(`QEMU guest agent is not connected: ${strerror(error)}`, error));
    };
    socket.once("error", refused);
    socket.once("connect", () => {
      socket.off("error", refused);
      resolve(socket);
    });
  });
}

function toRecord(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === "object" && value !== null ? { ...value } : undefined;
}

function unresponsive(detail: string, cause?: unknown): DomsnapError {
  return new DomsnapError("agent-unresponsive", detail, cause === undefined ? {} : { cause });
}
