import { DomsnapError } from "../../core/errors/index.js";

/** What the hypervisor says of a domain; `xl list` prints it as six letters. */
export interface XlState {
  readonly running: boolean;
  readonly blocked: boolean;
  readonly paused: boolean;
  readonly shutdown: boolean;
  /** Why it is shut down: missing for a power-off. */
  readonly shutdownReason?: "reboot" | "suspend" | "crash" | "watchdog" | "soft-reset";
  readonly dying: boolean;
}

/** One row of `xl list`. */
export interface XlListRow {
  readonly name: string;
  readonly id: number;
  readonly state: XlState;
}

/** One row of `xl vm-list`. */
export interface XlVmRow {
  readonly uuid: string;
  readonly id: number;
  readonly name: string;
}

/** One row of `xl block-list`. */
export interface XlBlockRow {
  /** The number of the guest's device: 51712 is xvda. */
  readonly deviceNumber: number;
  /** What serves the disk, as xenstore calls it: `qdisk`, `vbd` (the kernel: phy), `vbd3` (tap). */
  readonly backend: string;
}

const REASONS: Readonly<Record<string, XlState["shutdownReason"]>> = {
  r: "reboot",
  s: "suspend",
  c: "crash",
  w: "watchdog",
  S: "soft-reset",
};

/** Names may hold blanks and columns overflow, so that a row can only be read from its end. */
const LIST_ROW =
  /^(?<name>.+?) +(?<id>\d+) +\S+ +\d+ +(?<state>[-r][-b][-p][-s][-rscwS?][-d]) +[\d.]+$/;
const VM_ROW = /^(?<uuid>[\da-f-]{36}) +(?<id>\d+) +(?<name>.+?) *$/;
const BLOCK_ROW = /^(?<device>\d+) .* (?<path>\/local\/domain\/\d+\/backend\/\S+) *$/;

/** Reads `xl list`. Throws `tool-failed` for a row that it cannot have printed. */
export function parseList(output: string): XlListRow[] {
  return rowsOf("list", output, LIST_ROW).map(({ name = "", id, state = "" }) => ({
    name,
    id: Number(id),
    state: parseState(state),
  }));
}

/** Reads `xl vm-list`; some versions list Domain-0 there, which has a uuid of zeros. */
export function parseVmList(output: string): XlVmRow[] {
  return rowsOf("vm-list", output, VM_ROW).map(({ uuid = "", id, name = "" }) => ({
    uuid,
    id: Number(id),
    name,
  }));
}

/** Reads `xl block-list`; devices that are just coming or going are left out. */
export function parseBlockList(output: string): XlBlockRow[] {
  return output.split("\n").flatMap((line) => {
    const { device, path } = BLOCK_ROW.exec(line)?.groups ?? {};
    const backend = path?.split("/")[5];
    return backend === undefined ? [] : [{ deviceNumber: Number(device), backend }];
  });
}

/** The six letters of `xl list`: `-b----`, `--p---`, `---sc-`. */
export function parseState(letters: string): XlState {
  const [running, blocked, paused, shutdown, reason = "", dying] = letters;
  const shutdownReason = REASONS[reason];
  return {
    running: running === "r",
    blocked: blocked === "b",
    paused: paused === "p",
    shutdown: shutdown === "s",
    ...(shutdownReason && { shutdownReason }),
    dying: dying === "d",
  };
}

function rowsOf(command: string, output: string, pattern: RegExp) {
  const [, ...rows] = output.trimEnd().split("\n");
  return rows.map((row) => {
    const groups = pattern.exec(row)?.groups;
    if (groups) return groups;
    throw new DomsnapError("tool-failed", `xl ${command} printed a line that is not known: ${row}`);
  });
}
