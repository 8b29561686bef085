import { once } from "node:events";
import { createServer, type Server } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import type { SnapshotService } from "../core/operations/snapshot-service.js";
import { Client } from "./client/client.js";
import { createHypervisor, type Hypervisor } from "./hypervisor.js";
import { DEFAULT_LIMITS, type Limits } from "./limits.js";
import type { Log } from "./log.js";
import { listenAt, type SocketPlace } from "./unix-socket.js";

/** What a daemon serves, and where. */
export interface DaemonOptions {
  /** The connections that clients may open; the first is the one for clients that name none. */
  readonly services: readonly SnapshotService[];
  readonly socket: SocketPlace;
  /** For clients that may look and not change. */
  readonly readOnlySocket?: SocketPlace;
  readonly limits?: Partial<Limits>;
  readonly log?: Log;
}

/** Answers clients of libvirt from connections of ours. */
export interface Daemon {
  /** How many clients are connected. */
  readonly clients: number;
  /**
   * Takes no more clients and calls, lets what is under way end, and closes. What has not ended in
   * time is aborted: it is rolled back, or carried through where that is not possible any more.
   */
  stop(options?: { readonly graceMs?: number }): Promise<void>;
}

const GRACE_MS = 30_000;

/** Starts a daemon; it listens when the promise is kept. The caller closes the services after it. */
export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  const running = new RunningDaemon(options);
  await running.listen();
  return running;
}

class RunningDaemon implements Daemon {
  readonly #hypervisors: readonly Hypervisor[];
  readonly #servers: Server[] = [];
  readonly #clients = new Set<Client>();
  readonly #limits: Limits;
  readonly #log: Log;

  constructor(private readonly options: DaemonOptions) {
    this.#hypervisors = options.services.map(createHypervisor);
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#log = options.log ?? (() => undefined);
  }

  get clients(): number {
    return this.#clients.size;
  }

  async listen(): Promise<void> {
    const { socket, readOnlySocket } = this.options;
    try {
      await this.#listenAt(socket, false);
      if (readOnlySocket) await this.#listenAt(readOnlySocket, true);
    } catch (thrown) {
      await this.#closeServers();
      throw thrown;
    }
  }

  async stop({ graceMs = GRACE_MS }: { readonly graceMs?: number } = {}): Promise<void> {
    const closed = this.#closeServers();
    const ended = Promise.all([...this.#clients].map((client) => client.end()));
    const late = new AbortController();
    const grace = pause(graceMs, undefined, { signal: late.signal }).then(
      () => {
        for (const { jobs } of this.#hypervisors) jobs.abortAll();
      },
      () => undefined,
    );
    await ended;
    late.abort();
    await Promise.all([grace, closed]);
  }

  async #listenAt(place: SocketPlace, isReadOnly: boolean): Promise<void> {
    const server = createServer({ allowHalfOpen: false });
    server.maxConnections = this.#limits.clients;
    server.on("connection", (socket) => {
      const around = { hypervisors: this.#hypervisors, limits: this.#limits, log: this.#log };
      const client = new Client(socket, { ...around, isReadOnly });
      this.#clients.add(client);
      socket.on("close", () => this.#clients.delete(client));
    });
    server.on("drop", () => {
      this.#log("a client was sent away: there are too many", { limit: this.#limits.clients });
    });
    await listenAt(server, place);
    this.#servers.push(server);
    this.#log("listening", { socket: place.path });
  }

  /** The kernel takes no more connections; those that there are stay. */
  async #closeServers(): Promise<void> {
    await Promise.all(
      this.#servers.splice(0).map(async (server) => {
        const closed = once(server, "close");
        server.close();
        await closed;
      }),
    );
  }
}
