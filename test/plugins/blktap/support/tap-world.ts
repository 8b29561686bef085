import { copyFileSync, chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { patience } from "../../../../scripts/test-run/patience.cjs";
import { TapCtl } from "../../../../src/plugins/blktap/tap-ctl.js";

const SCRIPT = fileURLToPath(new URL("tap-ctl.mjs", import.meta.url));

/** What a test orders to go wrong: an exit status, with or without the effect, or no end. */
export interface Fault {
  readonly exit?: number;
  readonly does?: boolean;
  readonly hangs?: boolean;
}

interface TapState {
  generation?: "columns";
  tapdisks: {
    pid: number;
    minor: number;
    state: number;
    type: string;
    path: string;
    chain: string[];
  }[];
  faults: Record<string, Fault[]>;
}

/** Running disks behind a stand-in for tap-ctl. */
export class TapWorld {
  readonly tapCtl: TapCtl;
  readonly #stateFile: string;

  constructor(
    private readonly folder: string,
    timeoutMs = patience(10_000),
  ) {
    const program = join(folder, "tap-ctl");
    copyFileSync(SCRIPT, program);
    chmodSync(program, 0o755);
    this.#stateFile = join(folder, "state.json");
    this.tapCtl = new TapCtl({ program, timeoutMs });
    this.save({ tapdisks: [], faults: {} });
  }

  get state(): TapState {
    return JSON.parse(readFileSync(this.#stateFile, "utf8")) as TapState;
  }

  save(state: TapState): void {
    writeFileSync(this.#stateFile, JSON.stringify(state));
  }

  /** A tapdisk that serves a chain. */
  serve(path: string, ...below: string[]): void {
    const state = this.state;
    const minor = state.tapdisks.length;
    const chain = [path, ...below];
    state.tapdisks.push({ pid: 1_000_000_000 + minor, minor, state: 0, type: "vhd", path, chain });
    this.save(state);
  }

  order(command: "pause" | "unpause", ...faults: Fault[]): void {
    const state = this.state;
    state.faults[command] = faults;
    this.save(state);
  }

  states(): number[] {
    return this.state.tapdisks.map(({ state }) => state);
  }

  /** The commands that changed something, in their order. */
  log(): string[] {
    const file = join(this.folder, "log");
    const lines = existsSync(file) ? readFileSync(file, "utf8").split("\n") : [];
    return lines
      .filter((line) => /^(un)?pause/.test(line))
      .map((line) => line.replace(/ -p \d+ -m/, ""));
  }
}
