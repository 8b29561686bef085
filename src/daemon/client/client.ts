import type { Socket } from "node:net";
import { DomsnapError } from "../../core/errors/index.js";
import {
  encode,
  encodeFrame,
  FRAME_STATUS,
  FRAME_TYPE,
  FrameReader,
  KEEPALIVE,
  PROGRAM,
  PROGRAM_VERSION,
  RpcFault,
  wireError,
  type Frame,
} from "../../rpc/index.js";
import type { Caller } from "../answers/index.js";
import { wireErrorOf } from "../failure.js";
import { findHypervisor, type Hypervisor } from "../hypervisor.js";
import type { Limits } from "../limits.js";
import type { Log } from "../log.js";
import type { DomainEvent } from "../state/event-hub.js";
import { answerCall } from "./dispatch.js";
import { Keepalive } from "./keepalive.js";
import { Registrations } from "./registrations.js";

/** How long a client may take to read the last replies of a daemon that ends. */
const LAST_REPLIES_MS = 1000;

/** What a client finds on the other side. */
export interface ClientSurroundings {
  readonly hypervisors: readonly Hypervisor[];
  readonly limits: Limits;
  readonly log: Log;
  /** Whether the socket is for looking only, whatever the client asks for. */
  readonly isReadOnly: boolean;
}

/**
 * One connection of a client. Calls are answered as they get ready, a few at once. A client that
 * sends what the protocol does not have, or does not read what it is sent, is closed; the others do
 * not notice.
 */
export class Client implements Caller {
  readonly #reader = new FrameReader();
  readonly #registrations = new Registrations();
  readonly #keepalive: Keepalive;
  readonly #waiting: Frame[] = [];
  #running = 0;
  #opened: { readonly hypervisor: Hypervisor; readonly stopListening: () => void } | undefined;
  #wantsReadOnly = false;
  #openingTimer: NodeJS.Timeout | undefined;
  #idle: (() => void)[] = [];
  #isEnding = false;

  constructor(
    private readonly socket: Socket,
    private readonly around: ClientSurroundings,
  ) {
    const { keepaliveIntervalMs, keepaliveCount, openingMs } = around.limits;
    this.#keepalive = new Keepalive({
      intervalMs: keepaliveIntervalMs,
      count: keepaliveCount,
      ping: () => {
        this.#send(keepaliveFrame(KEEPALIVE.ping));
      },
      giveUp: () => {
        this.#giveUp("a client does not answer pings");
      },
    });
    this.#openingTimer = setTimeout(() => {
      this.#giveUp("a client opens no connection");
    }, openingMs).unref();
    socket.on("data", (chunk: Buffer) => {
      this.#receive(chunk);
    });
    socket.on("drain", () => {
      this.#proceed();
    });
    // What went wrong is of no use to anybody: the other side is gone, and "close" follows.
    socket.on("error", () => undefined);
    socket.on("close", () => {
      this.#release();
    });
  }

  get isReadOnly(): boolean {
    return this.around.isReadOnly || this.#wantsReadOnly;
  }

  get hypervisor(): Hypervisor {
    if (this.#opened) return this.#opened.hypervisor;
    throw new DomsnapError("internal-error", "hypervisor connection not open");
  }

  open(name: string | undefined, { readOnly }: { readonly readOnly: boolean }): void {
    if (this.#opened) throw new DomsnapError("internal-error", "connection already open");
    const hypervisor = findHypervisor(this.around.hypervisors, name);
    this.#wantsReadOnly = readOnly;
    const stopListening = hypervisor.events.listen((event) => {
      this.#tell(event);
    });
    this.#opened = { hypervisor, stopListening };
    clearTimeout(this.#openingTimer);
  }

  close(): void {
    this.#opened?.stopListening();
    this.#opened = undefined;
    this.#registrations.clear();
  }

  expectKeepalive(): void {
    this.#keepalive.start();
  }

  register(type: DomainEvent["type"] | undefined, domainUuid: string | undefined): number {
    const id = this.#registrations.add(type, domainUuid);
    if (id !== undefined) return id;
    throw new DomsnapError("operation-failed", "this client has too many event callbacks");
  }

  deregister(callbackId: number): boolean {
    return this.#registrations.remove(callbackId);
  }

  /** Takes no more calls, answers those that were taken, and closes. */
  async end(): Promise<void> {
    this.#isEnding = true;
    this.#waiting.length = 0;
    this.socket.pause();
    if (this.#running > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
    const { socket } = this;
    if (socket.destroyed) return;
    // One who does not read the last replies must not keep the daemon from ending.
    const late = setTimeout(() => socket.destroy(), LAST_REPLIES_MS);
    socket.on("close", () => {
      clearTimeout(late);
    });
    socket.destroySoon();
  }

  #receive(chunk: Buffer): void {
    this.#keepalive.heard();
    try {
      for (const frame of this.#reader.push(chunk)) this.#take(frame);
    } catch (thrown) {
      if (!(thrown instanceof RpcFault)) throw thrown;
      this.#giveUp(`a client breaks the protocol: ${thrown.message}`);
      return;
    }
    this.#proceed();
  }

  #take(frame: Frame): void {
    if (frame.program === PROGRAM.keepalive) {
      if (frame.procedure === KEEPALIVE.ping) this.#send(keepaliveFrame(KEEPALIVE.pong));
      return;
    }
    if (frame.type === FRAME_TYPE.callWithFds) {
      this.#send(refusal(frame));
      return;
    }
    if (frame.type !== FRAME_TYPE.call)
      throw new RpcFault("invalid", `a frame of type ${frame.type}, where a call belongs`);
    if (!this.#isEnding) this.#waiting.push(frame);
  }

  /** Begins what may be begun, and reads on if there is room. */
  #proceed(): void {
    const { callsAtOnce, callsRead } = this.around.limits;
    const { socket } = this;
    while (this.#running < callsAtOnce && !socket.writableNeedDrain) {
      const call = this.#waiting.shift();
      if (!call) break;
      void this.#answer(call);
    }
    if (this.#isEnding || this.#waiting.length + this.#running >= callsRead) socket.pause();
    else if (socket.isPaused() && !socket.writableNeedDrain) socket.resume();
  }

  async #answer(call: Frame): Promise<void> {
    this.#running++;
    const reply = await answerCall(call, this);
    this.#running--;
    this.#send(reply);
    if (this.#running === 0) for (const resolve of this.#idle.splice(0)) resolve();
    this.#proceed();
  }

  #tell(event: DomainEvent): void {
    for (const frame of this.#registrations.messagesFor(event)) this.#send(frame);
  }

  #send(frame: Frame): void {
    const { socket } = this;
    if (socket.destroyed || socket.writableEnded) return;
    if (!socket.write(encodeFrame(frame))) socket.pause();
    if (socket.writableLength > this.around.limits.unreadBytes)
      this.#giveUp("a client does not read what it is sent");
  }

  #giveUp(reason: string): void {
    this.around.log(reason);
    this.socket.destroy();
  }

  #release(): void {
    clearTimeout(this.#openingTimer);
    this.#keepalive.stop();
    this.#waiting.length = 0;
    this.close();
  }
}

function keepaliveFrame(procedure: number): Frame {
  return {
    program: PROGRAM.keepalive,
    version: PROGRAM_VERSION,
    procedure,
    type: FRAME_TYPE.message,
    serial: 0,
    status: FRAME_STATUS.ok,
    payload: Buffer.alloc(0),
  };
}

/** Node cannot receive descriptors; clients that asked know that (`FEATURE.fdPassing`). */
function refusal(call: Frame): Frame {
  const error = new DomsnapError(
    "operation-unsupported",
    "file descriptors cannot be passed on this connection",
  );
  return {
    ...call,
    type: FRAME_TYPE.reply,
    status: FRAME_STATUS.error,
    payload: encode(wireError, wireErrorOf(error, "", 0)),
  };
}
