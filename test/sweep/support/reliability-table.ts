import {
  PROGRAM_FAULTS,
  STRANGER_FAULTS,
  type Fault,
  type Outcome,
  type ScenarioSweep,
} from "./sweep.js";

/** Stands before and after the part of the page that the sweep writes. */
export const TABLE_MARK = "<!-- made by npm run test:sweep -->";

const FAULT_TEXTS: Readonly<Record<Fault, string>> = {
  kill: "`kill -9` before the call",
  EIO: "the call fails with EIO",
  ENOSPC: "the disk is full from here on",
  EACCES: "the call fails with EACCES",
  late: "the call does its work (a write: half of it), and fails then",
  during: "`kill -9` while an outside program works",
  after: "`kill -9` when the program has ended, before its result is known",
  cut: "the outside program is killed at its work",
  stranger: "somebody's file stands at a name that the plan mentions",
  "stranger after kill": "`kill -9`, and somebody's files stand at all such names that are free",
};

const OUTCOMES: readonly Outcome[] = [
  "old state",
  "new state",
  "between two steps",
  "refused, unchanged",
  "completed in spite of it",
  "complete when repeated",
];

/** The tables of docs/reliability.md. */
export function formatReliability(sweeps: readonly ScenarioSweep[]): string {
  return `${faultTable(sweeps)}\n\n${scenarioTable(sweeps)}`;
}

function faultTable(sweeps: readonly ScenarioSweep[]): string {
  const runs = sweeps.flatMap((sweep) => sweep.runs);
  return table(
    ["Fault", "Runs", ...OUTCOMES.map(capital), "Something lost"],
    [...PROGRAM_FAULTS, ...STRANGER_FAULTS].map((fault) => {
      const ofFault = runs.filter((run) => run.fault === fault);
      const count = (outcome?: Outcome) => ofFault.filter((run) => run.outcome === outcome).length;
      return [FAULT_TEXTS[fault], ofFault.length, ...OUTCOMES.map(count), count()];
    }),
  );
}

function scenarioTable(sweeps: readonly ScenarioSweep[]): string {
  return table(
    ["Command: disks", "Fault points", "Runs", "Something lost"],
    sweeps.map(({ scenario, points, runs }) => [
      scenario,
      points.length,
      runs.length,
      runs.filter(({ problem }) => problem !== undefined).length,
    ]),
  );
}

function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const line = (cells: readonly (string | number)[]) => `| ${cells.join(" | ")} |`;
  const rule = line(head.map((_cell, at) => (at === 0 ? "---" : "---:")));
  return [line(head), rule, ...rows.map(line)].join("\n");
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
