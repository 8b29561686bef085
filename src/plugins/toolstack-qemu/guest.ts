import { rm } from "node:fs/promises";
import { closeSync, constants, fstatSync, openSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

import { asDomsnapError, DomsnapError } from "../../core/errors/index.js";
import {
  IMAGE_FORMATS,
  type Domain,
  type DomainDefinition,
  type DomainDisk,
} from "../../core/model/index.js";
import type { StartMemory } from "../../core/model/operation.js";
import type { DefinitionProblem } from "../../core/ports/index.js";
import { parseDomain, relocateDisks } from "../../xml/index.js";
import { assertSafeChain } from "../../qemu-images/backing-chain.js";
import { loadInternal, type LiveGuest, type PauseGuard } from "../../qemu-images/live/index.js";
import { GuestWatches, type GuestWatch } from "../../clients/guardian/index.js";
import { assertSocketPath, withQmp, type QmpClient } from "../../clients/qmp/index.js";
import type { ProcessIdentity } from "../../host/process-facts.js";
import { ensureStateFolder, readStateFile, writeStateFile } from "../../host/state-files.js";
import { noImageFile, systemError } from "../../host/system-error.js";
import { formatCommandLine } from "./command-line.js";
import {
  endGuest,
  findGuestProcess,
  lastWords,
  launchGuest,
  type EndOptions,
} from "./guest-process.js";
import { queryGuest, type GuestState } from "./guest-state.js";
import { runFolder, type RunFolder } from "./run-folder.js";

export interface StartOptions {
  readonly paused: boolean;
  /** A file with a migration stream at its beginning; the guest goes on from there. */
  readonly memoryFile?: string;
  /** What to start with instead of the stored definition. */
  readonly definition?: DomainDefinition;
}

const GREETING_TIMEOUT_MS = 3000;
const MEMORY_POLL_MS = 50;
const MONITOR_POLL_MS = 50;
const DEFINITION_LIMIT_BYTES = 10 * 1024 * 1024;

/** One guest and the QEMU that runs it, if any. The caller holds the domain's lock to change it. */
export class Guest implements LiveGuest {
  readonly run: RunFolder;

  constructor(
    folder: string,
    /** The stored definition: what the next start uses. */
    readonly stored: DomainDefinition,
    private readonly watches = new GuestWatches(),
  ) {
    this.run = runFolder(folder, stored.name);
  }

  get alive(): boolean {
    return this.pid !== undefined;
  }

  get folder(): string {
    return this.run.path;
  }

  /** Its QEMU while it lives. */
  get qemu(): ProcessIdentity | undefined {
    return findGuestProcess(this.run);
  }

  /** QEMU's process number while it lives. */
  get pid(): number | undefined {
    return this.qemu?.pid;
  }

  /** Lets the guest go on, or thaws it, should we die meanwhile. */
  get watch(): GuestWatch {
    return this.watches.of(this.stored.uuid);
  }

  get guard(): PauseGuard {
    return {
      begin: async ({ saving } = { saving: false }) => {
        const { qemu, run } = this;
        const { monitor } = run;
        if (qemu) await this.watch.begin({ cont: { qemu, monitor, saving } });
      },
      changeOver: async (changeOver) => {
        const { qemu, run, watch } = this;
        const { monitor } = run;
        if (!qemu || !changeOver) await watch.suspend("cont");
        else await watch.begin({ cont: { qemu, monitor, changeOver } });
      },
      end: () => this.watch.end("cont"),
    };
  }

  /**
   * The guest as it is now. The definition of a running guest names the images that QEMU has open,
   * also after an overlay was attached. Throws `operation-failed` when QEMU lives, but its monitor
   * is busy, or the definition that it was started with cannot be read.
   */
  async describe(greetingTimeoutMs = GREETING_TIMEOUT_MS): Promise<Domain> {
    const { name, uuid } = this.stored;
    const pid = this.pid;
    const live = await this.#live(greetingTimeoutMs);
    if (pid === undefined || !live)
      return { name, uuid, state: "shutoff", persistent: true, definition: this.stored };
    return {
      ...{ name, uuid, id: pid, state: live.state, persistent: true },
      definition: this.#liveDefinition(live),
      inactiveDefinition: this.stored,
    };
  }

  /**
   * As `describe`, but never throws for a guest that cannot be asked: it counts as `blocked`, which
   * is active, on the images that it was started with; see `problem` when these cannot be told.
   */
  async describeForList(greetingTimeoutMs?: number): Promise<Domain> {
    try {
      return await this.describe(greetingTimeoutMs);
    } catch {
      const { name, uuid } = this.stored;
      const id = this.pid;
      return {
        ...{ name, uuid, persistent: true, inactiveDefinition: this.stored },
        ...(id === undefined ? {} : { id }),
        state: "blocked",
        definition: this.problem() ? this.stored : this.#startedWith(),
      };
    }
  }

  /** Why nobody can tell what a guest that runs was started with. */
  problem(): DefinitionProblem | undefined {
    if (!this.alive) return undefined;
    try {
      this.#startedWith();
      return undefined;
    } catch (thrown) {
      return { definition: this.run.definition, reason: asDomsnapError(thrown).message };
    }
  }

  /**
   * Starts QEMU and, unless `paused`, the guest. What lives already is only brought to the wanted
   * state. When this fails, nothing runs that did not before. Throws `config-unsupported`,
   * `image-missing`, `disk-unsupported`, `tool-missing`, `tool-failed` with QEMU's words.
   */
  async start(options: StartOptions): Promise<void> {
    const lived = this.pid !== undefined;
    try {
      await (lived ? this.#awaitMonitor() : this.#launch(options));
      await (options.paused ? this.pause() : this.resume());
    } catch (thrown) {
      if (!lived) await endGuest(this.run);
      throw thrown;
    }
  }

  /**
   * Starts a guest that goes on from saved memory, and leaves it paused. A QEMU that lives is one
   * of an earlier attempt, in which the guest never ran: it is ended first. Should we die as soon as
   * the journal knows that it has started, it goes on: whoever sees to that is ready then.
   */
  async restore(memory: StartMemory, definition: DomainDefinition | undefined): Promise<void> {
    await endGuest(this.run);
    await this.watch.prepare();
    const options = { paused: true, ...(definition && { definition }) };
    if (memory.mode === "external") return this.start({ ...options, memoryFile: memory.file });
    await this.start(options);
    try {
      await this.withMonitor((client) => loadInternal(client, memory.disks, memory.snapshot, {}));
    } catch (thrown) {
      await endGuest(this.run);
      throw thrown;
    }
  }

  /** Ends QEMU, as by pulling the plug; one that does not react by force, unless `graceful`. */
  stop(options: EndOptions = {}): Promise<void> {
    return endGuest(this.run, options);
  }

  /**
   * Gives the time of QEMU's STOP event, microseconds since the epoch, if the guest ran. Throws
   * `operation-invalid` when the guest is off.
   */
  pause(): Promise<number | undefined> {
    return this.#switch("stop", "STOP");
  }

  /** Gives the time of QEMU's RESUME event, if the guest was paused. Throws as `pause`. */
  resume(): Promise<number | undefined> {
    return this.#switch("cont", "RESUME");
  }

  /** Presses the guest's power button; returns at once, whatever the guest makes of it. */
  async pressPowerButton(): Promise<void> {
    await this.withMonitor((client) => client.execute("system_powerdown"));
  }

  /** Works at QEMU's monitor. Throws `operation-invalid` when the guest is off. */
  async withMonitor<Result>(work: (client: QmpClient) => Promise<Result>): Promise<Result> {
    if (this.pid === undefined)
      throw new DomsnapError("operation-invalid", "domain is not running", {
        hint: `Start domain '${this.stored.name}' first.`,
      });
    return withQmp(this.run.monitor, { greetingTimeoutMs: GREETING_TIMEOUT_MS }, work);
  }

  #switch(command: "stop" | "cont", event: string): Promise<number | undefined> {
    return this.withMonitor(async (client) => {
      let switchedAtUs: number | undefined;
      client.subscribe(({ name, timeUs }) => {
        if (name === event) switchedAtUs = timeUs;
      });
      // Events come before the answer to what brought them about.
      await client.execute(command);
      return switchedAtUs;
    });
  }

  async #launch(options: StartOptions): Promise<void> {
    const { run } = this;
    const definition = options.definition ?? this.stored;
    const incoming = options.memoryFile === undefined ? undefined : "fd:3";
    const commandLine = formatCommandLine(definition, run, incoming);
    [run.monitor, run.queryMonitor, run.agent].forEach(assertSocketPath);
    // QEMU opens whatever the headers of images name, be it on the network.
    for (const disk of definition.disks) await assertSafeDisk(disk);
    await ensureStateFolder(run.path);
    for (const leftover of [run.frozen, run.log]) await rm(leftover, { force: true });
    await writeStateFile(run.definition, `${definition.xml}\n`);
    const memory = options.memoryFile === undefined ? undefined : openMemory(options.memoryFile);
    try {
      await launchGuest(run, commandLine, memory);
      if (memory !== undefined) await this.#awaitMemory();
    } finally {
      if (memory !== undefined) closeSync(memory);
    }
  }

  /** A QEMU that somebody who was killed had just started has a pid before it has a monitor. */
  async #awaitMonitor(): Promise<void> {
    const deadlineMs = performance.now() + GREETING_TIMEOUT_MS;
    for (;;)
      try {
        await this.#live();
        return;
      } catch (thrown) {
        if (performance.now() > deadlineMs) throw thrown;
        await sleep(MONITOR_POLL_MS);
      }
  }

  /** QEMU ends by itself when it cannot make sense of the memory. */
  async #awaitMemory(): Promise<void> {
    for (;;) {
      const live = await this.#live();
      if (!live)
        throw new DomsnapError(
          "tool-failed",
          `QEMU did not take the memory: ${lastWords(this.run)}`,
        );
      if (!live.awaitsMemory) return;
      await sleep(MEMORY_POLL_MS);
    }
  }

  /** Undefined when QEMU is gone, also when it goes while it is asked. */
  async #live(greetingTimeoutMs = GREETING_TIMEOUT_MS): Promise<GuestState | undefined> {
    if (this.pid === undefined) return undefined;
    try {
      return await withQmp(this.run.queryMonitor, { greetingTimeoutMs }, queryGuest);
    } catch (thrown) {
      if (this.pid === undefined) return undefined;
      throw thrown;
    }
  }

  #liveDefinition({ images }: GuestState): DomainDefinition {
    const definition = this.#startedWith();
    const moved = definition.disks.flatMap((disk) => {
      const image = images.get(disk.target);
      if (!image || image.path === disk.source?.path) return [];
      const format = IMAGE_FORMATS.find((known) => known === image.driver) ?? "raw";
      const type = disk.type === "block" ? "file" : disk.type;
      return [{ target: disk.target, type, source: { path: image.path }, format }];
    });
    return moved.length === 0 ? definition : relocateDisks(definition, moved);
  }

  #startedWith(): DomainDefinition {
    const text = readStateFile(this.run.definition, DEFINITION_LIMIT_BYTES);
    if (text === undefined) return this.stored;
    try {
      const definition = parseDomain(text);
      if (definition.uuid === this.stored.uuid) return definition;
      throw new DomsnapError("operation-failed", `it has the uuid ${definition.uuid}`);
    } catch (thrown) {
      throw unreadable(this.run.definition, this.stored.name, asDomsnapError(thrown));
    }
  }
}

async function assertSafeDisk({ source, format = "raw" }: DomainDisk): Promise<void> {
  if (source?.path !== undefined) await assertSafeChain({ path: source.path, format });
}

function unreadable(path: string, name: string, cause: DomsnapError): DomsnapError {
  return new DomsnapError(
    "operation-failed",
    `'${path}', which tells what domain '${name}' was started with, cannot be used: ${cause.detail}`,
    {
      cause,
      hint: "Bring the file back as it was, or stop the domain: its next start writes it anew.",
    },
  );
}

/** Without waiting: QEMU would be waited for, and it for whoever writes to a FIFO. */
function openMemory(path: string): number {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const stats = fstatSync(descriptor);
    if (!stats.isFile() && !stats.isBlockDevice()) throw noImageFile(path);
    return descriptor;
  } catch (thrown) {
    if (descriptor !== undefined) closeSync(descriptor);
    throw systemError(thrown, `cannot open file '${path}'`);
  }
}
