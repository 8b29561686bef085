import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { openSnapshotService } from "../../../src/container.js";
import type { SnapshotService } from "../../../src/core/operations/snapshot-service.js";
import { FINDINGS } from "../../../src/core/rules/index.js";
import { LiveLab } from "../../live/support/live-lab.js";
import { ProgramServer, type Run } from "./program-server.js";
import {
  becomesFree,
  faultsAt,
  outcomeOf,
  wrongClaim,
  type FaultRun,
  type ScenarioSweep,
  type SweepOptions,
} from "./sweep.js";

/** One command on a guest that runs, with the snapshot `s`. */
export interface LiveScenario {
  readonly name: string;
  readonly does: "create" | "delete" | "revert";
  /** The snapshot's document. */
  readonly document: (lab: LiveLab) => string;
}

const inFiles = (lab: LiveLab) =>
  lab.document("s", {
    mode: "external",
    memory: `snapshot='external' file='${lab.memoryFile("s")}'`,
  });
const inImages = (lab: LiveLab) => lab.document("s");

/** Taking, removing and going back to snapshots of a guest while it runs under QEMU. */
export const LIVE_SCENARIOS: readonly LiveScenario[] = (
  ["create", "delete", "revert"] as const
).flatMap((does) => [
  { name: `live ${does}: overlays and a memory file`, does, document: inFiles },
  { name: `live ${does}: inside the images, with memory`, does, document: inImages },
]);

/** A run takes seconds: of the faults those that differ most are tried, at every point. */
export const isPickedLive: NonNullable<SweepOptions["pick"]> = ({ fault, point }) =>
  fault === "kill" || fault === "EIO" || (point.startsWith("run ") && fault !== "EACCES");

/**
 * As `sweep`, of a command on a running guest: it is never left paused, is wholly as before or as
 * after, and goes on. Each run starts where the last has ended.
 */
export async function sweepLive(
  scenario: LiveScenario,
  options: SweepOptions = {},
): Promise<ScenarioSweep> {
  const world = await LiveWorld.open(scenario);
  try {
    const points = await world.record();
    const runs: FaultRun[] = [];
    for (const [index, point] of points.entries())
      for (const fault of faultsAt(point)) {
        if (options.pick?.({ index, fault, point }) === false) continue;
        const run = { scenario: scenario.name, point, index, fault };
        const result = { ...run, ...(await world.tryFault(`${index}:${fault}`)) };
        options.onRun?.(result);
        runs.push(result);
      }
    return { scenario: scenario.name, points, runs };
  } finally {
    await world.close();
  }
}

class LiveWorld {
  readonly #server = new ProgramServer();
  readonly #document: string;
  /** Names of all files before and after the command. */
  #files: readonly [string[], string[]] = [[], []];
  /** The guest's steps between which the snapshot was taken. */
  #takenAt: readonly [number, number] = [0, 0];
  /** The guest before a run. */
  #before: { readonly pid: number | undefined; readonly ticks: number } = {
    pid: undefined,
    ticks: 0,
  };

  private constructor(
    private readonly lab: LiveLab,
    private readonly scenario: LiveScenario,
  ) {
    this.#document = join(lab.folder, "s.document");
    writeFileSync(this.#document, scenario.document(lab));
  }

  static async open(scenario: LiveScenario): Promise<LiveWorld> {
    const lab = await LiveLab.open({ disks: 2, words: "fill=24" });
    await lab.wake();
    return new LiveWorld(lab, scenario);
  }

  async close(): Promise<void> {
    this.#server.stop();
    await this.lab.close();
  }

  /** The points of a run without faults. */
  async record(): Promise<string[]> {
    await this.#goBack();
    // The first change of a domain makes folders that stay; after the first revert to it a snapshot
    // has overlays that are named by time.
    await this.#run("-1:");
    await this.#goBack();
    const before = this.#listFiles();
    const list = `${this.lab.folder}.points`;
    const { status, stderr } = await this.#run(`list:${list}`);
    if (status !== 0) throw new Error(`${this.scenario.name}: status ${status}\n${stderr}`);
    this.#files = [before, this.#listFiles()];
    const points = readFileSync(list, "utf8").split("\n").slice(0, -1);
    rmSync(list);
    return points;
  }

  async tryFault(fault: string): Promise<Pick<FaultRun, "outcome" | "problem">> {
    await this.#goBack();
    const run = await this.#run(fault);
    try {
      return await this.#judge(run);
    } catch (thrown) {
      const text = thrown instanceof Error ? thrown.message : String(thrown);
      return { problem: `${text}\nstatus ${run.status}\n${run.stderr}` };
    }
  }

  async #judge(run: Run): Promise<Pick<FaultRun, "outcome">> {
    const service = await openSnapshotService(this.lab.uri);
    const settled = run.status === 0 || run.status === 1;
    if (settled && this.#hasJournal()) throw new Error("ended with a journal");
    const [recovery] = settled ? [] : await service.recover("guest");
    if (recovery?.error) throw new Error(`not recovered: ${recovery.error.message}`);
    if (this.#hasJournal()) throw new Error("a journal is left after recovery");
    if (!(await becomesFree(service))) throw new Error("still locked");
    const state = await this.#stateOf(service);
    await this.#expectGoingOn(service, state);
    const found = this.#listFiles();
    const wanted = this.#files[state];
    if (found.join("\n") !== wanted.join("\n"))
      throw new Error(`files: ${found.join(", ")}, not ${wanted.join(", ")}`);
    const wrong = wrongClaim(run, state, 1);
    if (wrong !== undefined) throw new Error(wrong);
    return { outcome: outcomeOf(run, state, 1) };
  }

  /** 0 as before the command, 1 as after it. A revert starts the guest anew, from its memory. */
  async #stateOf(service: SnapshotService): Promise<0 | 1> {
    const isMade = await this.#isMade(service);
    if (this.scenario.does !== "revert")
      return isMade === (this.scenario.does === "create") ? 1 : 0;
    if (!isMade) throw new Error("the snapshot is gone");
    return this.lab.guest.pid === this.#before.pid ? 0 : 1;
  }

  async #expectGoingOn(service: SnapshotService, state: 0 | 1): Promise<void> {
    const { state: power } = await service.findDomain("guest");
    if (power !== "running") throw new Error(`the guest is ${power}`);
    await this.lab.steps(1);
    const { console } = this.lab;
    if (console.torn.length > 0) throw new Error(console.torn.join("; "));
    if (this.scenario.does === "revert" && state === 1) this.#expectBack();
    else if (console.ticks < this.#before.ticks) throw new Error("the guest went back");
    const reports = await service.check("guest");
    const findings = reports
      .flatMap((report) => report.findings)
      .filter(({ code }) => FINDINGS[code].severity !== "note");
    if (findings.length > 0) throw new Error(`check: ${JSON.stringify(findings)}`);
  }

  /** The guest went on where the snapshot was taken, and did not boot. */
  #expectBack(): void {
    const { console } = this.lab;
    const first = Number(/tick (\d+)/.exec(console.text)?.[1]);
    const [from, to] = this.#takenAt;
    if (console.found !== undefined) throw new Error("the guest booted");
    if (!(first >= from && first <= to + 2))
      throw new Error(`the guest went on at ${first}, not between ${from} and ${to}`);
  }

  /** To the state before the command. */
  async #goBack(): Promise<void> {
    const service = await openSnapshotService(this.lab.uri);
    const isMade = await this.#isMade(service);
    if (isMade && this.scenario.does === "create") await service.delete("guest", "s", {});
    if (!isMade && this.scenario.does !== "create") {
      const { ticks } = this.lab.console;
      await service.create("guest", this.scenario.document(this.lab), {});
      this.#takenAt = [ticks, this.lab.console.ticks];
    }
    this.#before = { pid: this.lab.guest.pid, ticks: this.lab.console.ticks };
  }

  #run(fault: string): Promise<Run> {
    const { does } = this.scenario;
    const words = [`snapshot-${does}`, "guest", does === "create" ? this.#document : "s"];
    return this.#server.run(["-q", "-c", this.lab.uri, ...words], fault);
  }

  async #isMade(service: SnapshotService): Promise<boolean> {
    const { heads } = await service.list("guest");
    return heads.some(({ name }) => name === "s");
  }

  #hasJournal(): boolean {
    const names = readdirSync(this.lab.folder, { recursive: true, encoding: "utf8" });
    return names.some((name) => name.endsWith("/journal"));
  }

  /** Overlays of reverts are named by time, which differs from run to run. */
  #listFiles(): string[] {
    return readdirSync(this.lab.folder, { recursive: true, encoding: "utf8" })
      .filter((name) => !name.endsWith("/lock") && existsSync(join(this.lab.folder, name)))
      .map((name) => name.replace(/\.\d{10}$/, ".TIME"))
      .sort();
  }
}
