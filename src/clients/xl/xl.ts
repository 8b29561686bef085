import { setTimeout as sleep } from "node:timers/promises";

import { DomsnapError } from "../../core/errors/index.js";
import { runTool, type ToolOptions } from "../../host/run-tool.js";
import { parseLongList, type LibxlDomain } from "./libxl-config.js";
import {
  parseBlockList,
  parseList,
  parseVmList,
  type XlBlockRow,
  type XlListRow,
  type XlVmRow,
} from "./tables.js";
import { xlFailure } from "./xl-failure.js";

/** xl cannot be stopped on the way: a guest whose save is cut off stays suspended. */
export type XlRunOptions = Pick<ToolOptions, "onOutput" | "keepsOpen">;

/** For questions; a guest's QEMU that hangs costs libxl ten seconds. */
const QUESTION_TIMEOUT_MS = 60_000;
/** xl pause counts, and somebody may have paused a domain more than once. */
const MOST_PAUSES = 16;
const READ_BACK_TIMEOUT_MS = 10_000;
const READ_BACK_POLL_MS = 200;
const ANY_STATUS = Array.from({ length: 256 }, (_, status) => status);

/**
 * xl, as far as it is needed here. Domains are addressed by their ids, as xl takes a name of
 * digits for one. What a command was to achieve is read back, since some answer 0 whatever
 * happens. All throw `tool-missing` and what `xlFailure` makes of xl's words.
 */
export class Xl {
  constructor(private readonly program = "xl") {}

  /** All domains with their states, Domain-0 too. */
  async list(): Promise<XlListRow[]> {
    return parseList(await this.#ask(["list"]));
  }

  /** The configurations of the guests; see `parseLongList` for those that are missing. */
  async listConfigurations(): Promise<LibxlDomain[]> {
    return parseLongList(await this.#ask(["list", "-l"]));
  }

  /** Ids and names by uuid, also of those that `listConfigurations` misses. */
  async listUuids(): Promise<XlVmRow[]> {
    return parseVmList(await this.#ask(["vm-list"]));
  }

  /** What serves the disks of a guest. Empty also for a domain that is gone: xl answers 0. */
  async listBlockDevices(id: number): Promise<XlBlockRow[]> {
    return parseBlockList(await this.#ask(["block-list", `${id}`]));
  }

  /** The row of a domain; undefined when it is gone. */
  async find(id: number): Promise<XlListRow | undefined> {
    return (await this.list()).find((row) => row.id === id);
  }

  /** Adds one to the domain's count of pauses, unless it is paused already. */
  async pause(id: number, options: Pick<ToolOptions, "keepsOpen"> = {}): Promise<void> {
    if ((await this.#existing(id)).state.paused) return;
    const stderr = await this.#change(["pause", `${id}`], options);
    if (!(await this.#existing(id)).state.paused) throw xlFailure("pause", stderr);
  }

  /** Lets the domain run, however often it was paused. */
  async unpause(id: number): Promise<void> {
    for (let time = 0; time < MOST_PAUSES; time++) {
      if (!(await this.#existing(id)).state.paused) return;
      await this.#change(["unpause", `${id}`]);
    }
    throw new DomsnapError("operation-failed", `domain ${id} stays paused`, {
      hint: "Look for another program that pauses it again.",
    });
  }

  /**
   * Writes the domain's memory to a file, which is overwritten, and leaves the domain paused at that
   * very instant. When this fails the domain goes on, and a part of the file may be there. Throws
   * `operation-invalid` for a paused domain: it could not answer the request to suspend itself,
   * which xl finds out after a minute.
   */
  async saveAndPause(id: number, file: string, options: XlRunOptions = {}): Promise<void> {
    const { name, state } = await this.#existing(id);
    if (state.paused || state.shutdown || state.dying)
      throw new DomsnapError(
        "operation-invalid",
        `Domain '${name}' has to be running because libxenlight will suspend it`,
        { hint: "Resume the domain first." },
      );
    // Who repairs after us has to wait for it. The others leave a process that never ends.
    const stderr = await this.#changeUnbroken(["save", "-p", `${id}`, file], {
      ...options,
      keepsLock: true,
    });
    if (!(await this.#existing(id)).state.paused) throw xlFailure("save", stderr);
  }

  /**
   * Makes a domain from a memory file and leaves it paused. xl does not look whether the files of
   * its disks are there: the caller has to. Gives the new id.
   */
  async restorePaused(file: string, name: string, options: XlRunOptions = {}): Promise<number> {
    return this.#make(["restore", "-p", file], name, options);
  }

  /** Boots a domain from its file; gives the new id. */
  async create(configuration: string, name: string, paused: boolean): Promise<number> {
    return this.#make(["create", ...(paused ? ["-p"] : []), configuration], name);
  }

  /** Ends a domain at once; returns when it is gone. One that is gone already is no error. */
  async destroy(id: number): Promise<void> {
    if (!(await this.find(id))) return;
    const stderr = await this.#run(["destroy", `${id}`]);
    const deadlineMs = performance.now() + READ_BACK_TIMEOUT_MS;
    while (await this.find(id)) {
      if (performance.now() > deadlineMs) throw xlFailure("destroy", stderr.stderr);
      await sleep(READ_BACK_POLL_MS);
    }
  }

  /** Asks the guest to shut down, and does not wait for it. */
  async shutdown(id: number): Promise<void> {
    await this.#change(["shutdown", `${id}`]);
  }

  async #existing(id: number): Promise<XlListRow> {
    const row = await this.find(id);
    if (row) return row;
    throw new DomsnapError("no-domain", `no domain with matching id ${id}`);
  }

  async #make(args: readonly string[], name: string, options: XlRunOptions = {}): Promise<number> {
    const stderr = await this.#changeUnbroken(args, options);
    const made = (await this.list()).find((row) => row.name === name);
    if (made) return made.id;
    throw xlFailure(args[0] ?? "", stderr);
  }

  async #ask(args: readonly string[]): Promise<string> {
    const { exitStatus, stdout, stderr } = await this.#run(args, {
      timeoutMs: QUESTION_TIMEOUT_MS,
    });
    if (exitStatus !== 0) throw xlFailure(args[0] ?? "", stderr);
    return stdout;
  }

  /** In a session of its own, so that an interrupt at the terminal goes past it. */
  async #changeUnbroken(args: readonly string[], options: ToolOptions): Promise<string> {
    const { exitStatus, stderr } = await runTool("setsid", ["--wait", this.program, ...args], {
      ...options,
      answerStatuses: ANY_STATUS,
    });
    if (exitStatus !== 0) throw xlFailure(args[0] ?? "", stderr);
    return stderr;
  }

  /** What xl said on the way; a good exit status alone proves nothing. */
  async #change(args: readonly string[], options: ToolOptions = {}): Promise<string> {
    const { exitStatus, stderr } = await this.#run(args, options);
    if (exitStatus !== 0) throw xlFailure(args[0] ?? "", stderr);
    return stderr;
  }

  #run(args: readonly string[], options: ToolOptions = {}) {
    return runTool(this.program, args, { ...options, answerStatuses: ANY_STATUS });
  }
}
