import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";

import { patience } from "../../../scripts/test-run/patience.cjs";
import type { SnapshotService } from "../../../src/core/operations/snapshot-service.js";
import type { Scenario } from "./scenarios.js";
import type { Run } from "./program-server.js";
import { SweepGuest, type Observation } from "./sweep-guest.js";

/** What can happen at a point; programs that are run can fail in more ways. */
export const FAULTS = ["kill", "EIO", "ENOSPC", "EACCES", "late"] as const;
export const PROGRAM_FAULTS = [...FAULTS, "during", "after", "cut"] as const;
/**
 * A file of somebody else stands at a name that the plan mentions: at one of them in turn while the
 * command goes on, or at all of them when it was killed.
 */
export const STRANGER_FAULTS = ["stranger", "stranger after kill"] as const;
export type StrangerFault = (typeof STRANGER_FAULTS)[number];
export type Fault = (typeof PROGRAM_FAULTS)[number] | StrangerFault;

/** Changes nothing that a process sees: it is the same to be killed before and after. */
const CHANGES_NOTHING = /^f?(data)?sync(Sync)?\b|\(there\)/;
/** What is open is beyond permissions. */
const OPEN_HANDLE = "(handle)";
/** Needs no room, so it does not fail on a full disk. */
const NEEDS_NO_ROOM = /^(unlink|rm|rmdir|f?l?chmod|f?l?chown|kill)/;

/** The faults that can happen at a point, without those that cannot be told from others there. */
export function faultsAt(point: string, hasPlan: boolean): readonly Fault[] {
  return [...failuresAt(point), ...(hasPlan ? strangersAt(point) : [])];
}

function strangersAt(point: string): readonly StrangerFault[] {
  return CHANGES_NOTHING.test(point) ? [] : STRANGER_FAULTS;
}

function failuresAt(point: string): readonly Fault[] {
  if (point.startsWith("run ")) return PROGRAM_FAULTS;
  return FAULTS.filter((fault) => {
    if (fault === "kill" || fault === "late") return !CHANGES_NOTHING.test(point);
    if (fault === "EACCES") return !point.includes(OPEN_HANDLE);
    if (fault === "ENOSPC") return !NEEDS_NO_ROOM.test(point);
    return true;
  });
}

/** How a run with a fault ended: by itself, or by recovery. */
export type Outcome =
  | "old state"
  | "new state"
  | "between two steps"
  | "refused, unchanged"
  | "completed in spite of it"
  | "complete when repeated";

const LONGEST_PROGRAM_MS = 10_000;
const LONGEST_TEXT = 1000;

export interface FaultRun {
  readonly scenario: string;
  readonly point: string;
  readonly index: number;
  readonly fault: Fault;
  readonly outcome?: Outcome;
  /** What is wrong, if something is. */
  readonly problem?: string;
}

export interface SweepOptions {
  /** Which of all runs to do: all when missing. */
  readonly pick?: (run: Pick<FaultRun, "index" | "fault" | "point">) => boolean;
  readonly onRun?: (run: FaultRun) => void;
}

export interface ScenarioSweep {
  readonly scenario: string;
  readonly points: readonly string[];
  readonly runs: readonly FaultRun[];
}

/**
 * Runs a command once to write down the fault points that it passes, and then once for each point
 * and fault. After each run whatever was interrupted is recovered; then the guest has to be wholly
 * in a state before or after a step of the command, with nothing left over.
 */
export async function sweep(
  scenario: Scenario,
  options: SweepOptions = {},
): Promise<ScenarioSweep> {
  const guest = await SweepGuest.make(scenario.disks);
  try {
    await scenario.prepare(guest);
    guest.save();
    const { points, ...wanted } = await record(scenario, guest);
    const runs: FaultRun[] = [];
    for (const [index, point] of points.entries())
      for (const fault of faultsAt(point, wanted.names.length > 0)) {
        if (options.pick?.({ index, fault, point }) === false) continue;
        const run = { scenario: scenario.name, point, index, fault };
        const result = {
          ...run,
          ...(isStranger(fault)
            ? await tryStranger(scenario, guest, { index, fault }, wanted)
            : await tryFault(scenario, guest, run, wanted)),
        };
        options.onRun?.(result);
        runs.push(result);
      }
    return { scenario: scenario.name, points, runs };
  } finally {
    guest.remove();
  }
}

/** What a run with a fault may end in: states of the guest, and for an export a folder. */
interface Wanted {
  readonly states: readonly Observation[];
  readonly output: readonly string[];
  /** What the plan mentions; see `SweepGuest.plannedNames`. */
  readonly names: readonly string[];
}

function isStranger(fault: Fault): fault is StrangerFault {
  return STRANGER_FAULTS.some((one) => one === fault);
}

/** The points of a run without faults, and the states that a run with one may end in. */
async function record(scenario: Scenario, guest: SweepGuest) {
  const states: Observation[] = [await guest.observe()];
  for (const commands of scenario.between ?? []) {
    guest.restore();
    for (const words of commands(guest)) guest.must(...words);
    states.push(await guest.observe());
  }
  // To look at what was interrupted settles it.
  guest.restore();
  const names = scenario.repeats ? [] : guest.plannedNames(scenario.command(guest));
  guest.restore();
  const points = await guest.points(scenario.command(guest));
  states.push(await guest.observe());
  const { findings } = await guest.inspect();
  if (findings.length > 0)
    throw new Error(`${scenario.name}: check finds ${JSON.stringify(findings)}`);
  return { points, states, names, output: guest.outputFiles() };
}

async function tryFault(
  scenario: Scenario,
  guest: SweepGuest,
  { index, fault }: Pick<FaultRun, "index" | "fault">,
  wanted: Wanted,
): Promise<Pick<FaultRun, "outcome" | "problem">> {
  const { states } = wanted;
  guest.restore();
  const run = await guest.runAmid(`${index}:${fault}`, scenario.command(guest));
  const tail = `\nstatus ${run.status}\n${run.stderr}`;
  try {
    const open = guest.openFiles();
    if (open.length > 0) return { problem: `not private: ${open.join(", ")}${tail}` };
    const settled = run.status === 0 || run.status === 1;
    if (settled && guest.hasJournal()) return { problem: `ended with a journal${tail}` };
    const service = await guest.service();
    const [recovery] = settled ? [] : await service.recover();
    if (recovery?.error) return { problem: `not recovered: ${recovery.error.message}${tail}` };
    if (guest.hasJournal()) return { problem: `a journal is left after recovery${tail}` };
    if (!(await becomesFree(service))) return { problem: `still locked${tail}` };
    const { found, findings } = await guest.inspect();
    if (findings.length > 0) return { problem: `check: ${JSON.stringify(findings)}${tail}` };
    const state = stateOf(scenario.repeats ? withoutIncomplete(found) : found, states, run);
    if (state < 0) return { problem: `in between: ${difference(states, found)}${tail}` };
    if (scenario.repeats) return await repeat(scenario, guest, run, wanted);
    const last = states.length - 1;
    const wrong = wrongClaim(run, state, last);
    return wrong === undefined
      ? { outcome: outcomeOf(run, state, last) }
      : { problem: `${wrong}${tail}` };
  } catch (thrown) {
    return { problem: `${thrown instanceof Error ? thrown.message : String(thrown)}${tail}` };
  }
}

/**
 * Whatever the command and its recovery make of a file that is not theirs, it is there afterwards as
 * it was; and when its owner has taken it away, nothing else is missing.
 */
async function tryStranger(
  scenario: Scenario,
  guest: SweepGuest,
  { index, fault }: { readonly index: number; readonly fault: StrangerFault },
  { states, names }: Wanted,
): Promise<Pick<FaultRun, "outcome" | "problem">> {
  guest.restore();
  const command = scenario.command(guest);
  const { run, strangers } =
    fault === "stranger"
      ? await guest.runBeside(index, names[index % names.length] ?? "", command)
      : await killedBeside(guest, index, command, names);
  const tail = `\nstatus ${run.status}\n${run.stderr}`;
  try {
    const service = await guest.service();
    await service.recover();
    const harmed = guest.removeStrangers(strangers);
    if (harmed.length > 0) return { problem: `not left as they were: ${harmed.join(", ")}${tail}` };
    const [recovery] = guest.hasJournal() ? await service.recover() : [];
    if (recovery?.error) return { problem: `not recovered: ${recovery.error.message}${tail}` };
    if (!(await becomesFree(service))) return { problem: `still locked${tail}` };
    const { found, findings } = await guest.inspect();
    if (findings.length > 0) return { problem: `check: ${JSON.stringify(findings)}${tail}` };
    const state = stateOf(found, states, run);
    if (state < 0) return { problem: `in between: ${difference(states, found)}${tail}` };
    const last = states.length - 1;
    if (run.status === 0 && state !== last)
      return { problem: `claims success, but did not finish${tail}` };
    return { outcome: outcomeOf(run, state, last) };
  } catch (thrown) {
    return { problem: `${thrown instanceof Error ? thrown.message : String(thrown)}${tail}` };
  }
}

async function killedBeside(
  guest: SweepGuest,
  index: number,
  command: readonly string[],
  names: readonly string[],
) {
  const run = await guest.runAmid(`${index}:kill`, command);
  return { run, strangers: guest.makeStrangers(names) };
}

/** What has no journal and was interrupted is repeated, and leaves then what it has to leave. */
async function repeat(
  scenario: Scenario,
  guest: SweepGuest,
  { status, stderr }: Run,
  { states, output }: Wanted,
): Promise<Pick<FaultRun, "outcome" | "problem">> {
  const isDone = async () =>
    isDeepStrictEqual(guest.outputFiles(), output) &&
    isDeepStrictEqual((await guest.inspect()).found, states.at(-1));
  if (status === 0 && (await isDone())) return { outcome: "completed in spite of it" };
  if (status === 0) return { problem: `claims success, but did not finish\n${stderr}` };
  // To undefine what is undefined would be refused.
  if (!(await isDone())) guest.must(...scenario.command(guest));
  if (await isDone()) return { outcome: "complete when repeated" };
  const { found } = await guest.inspect();
  const lacks = [...differences(output, guest.outputFiles(), "output")].join("; ");
  return { problem: `repeated: ${difference(states.slice(-1), found)}; ${lacks}\n${stderr}` };
}

/** To recover changes nothing that can be seen: of equal states the one that the command claims. */
function stateOf(found: Observation, states: readonly Observation[], { status }: Run): number {
  const isFound = (candidate: Observation) => isDeepStrictEqual(candidate, found);
  return status === 0 ? states.findLastIndex(isFound) : states.findIndex(isFound);
}

/** The next definition of this name takes the place of one that was cut off. */
function withoutIncomplete(found: Observation): Observation {
  const files = found["files"] as readonly string[];
  return { ...found, files: files.filter((file) => !file.includes(".xml.new ")) };
}

/** A program that was started outlives the kill for a moment and keeps the lock meanwhile. */
export async function becomesFree(service: SnapshotService): Promise<boolean> {
  for (let waitedMs = 0; waitedMs < patience(LONGEST_PROGRAM_MS); waitedMs += 20) {
    if ((await service.locks()).length === 0) return true;
    await sleep(20);
  }
  return false;
}

/** What the exit status says has to be true. */
export function wrongClaim({ status }: Run, state: number, last: number): string | undefined {
  if (status === 0 && state !== last) return "claims success, but did not finish";
  if (status === 1 && state === last) return "claims failure, but finished";
  return undefined;
}

export function outcomeOf({ status }: Run, state: number, last: number): Outcome {
  if (status === 0) return "completed in spite of it";
  if (state > 0 && state < last) return "between two steps";
  if (status === 1) return "refused, unchanged";
  return state === last ? "new state" : "old state";
}

/** What keeps a state from being the most similar one that is allowed. */
function difference(states: readonly unknown[], found: unknown): string {
  const all = states.map((state) => [...differences(state, found, "")]);
  all.sort((a, b) => a.length - b.length);
  return (all[0] ?? []).join("; ").slice(0, LONGEST_TEXT);
}

function* differences(wanted: unknown, found: unknown, path: string): Generator<string> {
  if (isDeepStrictEqual(wanted, found)) return;
  if (Array.isArray(wanted) && Array.isArray(found)) {
    for (const item of wanted) if (!found.includes(item)) yield `${path} lacks ${String(item)}`;
    for (const item of found) if (!wanted.includes(item)) yield `${path} has ${String(item)}`;
  } else if (isRecord(wanted) && isRecord(found)) {
    for (const key of new Set([...Object.keys(wanted), ...Object.keys(found)]))
      yield* differences(wanted[key], found[key], `${path}/${key}`);
  } else yield `${path} is ${JSON.stringify(found)}, not ${JSON.stringify(wanted)}`;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
