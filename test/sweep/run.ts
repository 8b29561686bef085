import "reflect-metadata";

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { ensureBuilt } from "../../scripts/ensure-built.mjs";
import {
  isPickedLive,
  LIVE_SCENARIOS,
  sweepLive,
  type LiveScenario,
} from "./support/live-sweep.js";
import { formatReliability, TABLE_MARK } from "./support/reliability-table.js";
import { allScenarios, type Scenario } from "./support/scenarios.js";
import { sweep, type FaultRun, type ScenarioSweep } from "./support/sweep.js";

/**
 * The whole crash sweep: every scenario whose name matches the first argument, at every point, with
 * every fault. Each scenario has a process of its own, as many at once as there are processors. What
 * was swept without a problem is kept in .cache and not swept again until the program or the sweep
 * changes, so that an interrupted sweep goes on. Writes what came out into docs/reliability.md when
 * all scenarios were swept.
 */
const root = fileURLToPath(new URL("../..", import.meta.url));
const page = join(root, "docs", "reliability.md");
const here = fileURLToPath(import.meta.url);

async function main([first, output]: readonly string[]): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "domsnap-sweep-"));
  try {
    const scenarios = [...(await allScenarios(folder)), ...LIVE_SCENARIOS];
    if (output !== undefined) return await sweepOne(scenarios, first ?? "", output);
    ensureBuilt();
    const pattern = new RegExp(first ?? ".");
    const chosen = scenarios.filter(({ name }) => pattern.test(name));
    const sweeps = await sweepAll(chosen);
    if (chosen.length === scenarios.length) writePage(sweeps);
    process.exitCode = report(sweeps);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

type AnyScenario = Scenario | LiveScenario;

async function sweepOne(scenarios: readonly AnyScenario[], name: string, output: string) {
  const scenario = scenarios.find((candidate) => candidate.name === name);
  if (!scenario) throw new Error(`there is no scenario '${name}'`);
  const result = await ("does" in scenario
    ? sweepLive(scenario, { onRun: tell, pick: isPickedLive })
    : sweep(scenario, { onRun: tell }));
  writeFileSync(output, JSON.stringify(result));
}

async function sweepAll(scenarios: readonly AnyScenario[]): Promise<ScenarioSweep[]> {
  const kept = join(root, ".cache", "sweep", versionOfProgram());
  mkdirSync(kept, { recursive: true });
  const waiting = [...scenarios.entries()];
  const sweeps: ScenarioSweep[] = [];
  const worker = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const [index, { name }] = next;
      const began = performance.now();
      const result = await sweepApart(name, join(kept, `${name.replace(/\W+/g, "-")}.json`));
      const bad = problemsIn(result).length;
      const seconds = Math.round((performance.now() - began) / 1000);
      say(
        `${name}: ${result.points.length} points, ${result.runs.length} runs, ${bad} problems, ${seconds} s`,
      );
      sweeps[index] = result;
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  return sweeps;
}

/** In a process of its own, unless it was done before; what has problems is not kept. */
async function sweepApart(name: string, output: string): Promise<ScenarioSweep> {
  if (!existsSync(output)) {
    const args = ["--import", "tsx/esm", here, name, output];
    const child = spawn(process.execPath, args, { stdio: ["ignore", "inherit", "inherit"] });
    const [status] = (await once(child, "exit")) as [number | null];
    if (status !== 0) throw new Error(`the sweep of '${name}' ended with status ${status}`);
  }
  const result = JSON.parse(readFileSync(output, "utf8")) as ScenarioSweep;
  if (problemsIn(result).length > 0) rmSync(output);
  return result;
}

/** Changes with the program and with the sweep itself. */
function versionOfProgram(): string {
  const hash = createHash("sha256");
  for (const folder of ["dist/cli/bundle", "test/sweep/support"])
    for (const name of readdirSync(join(root, folder)).sort())
      if (!name.endsWith(".cache")) hash.update(readFileSync(join(root, folder, name)));
  return hash.digest("hex").slice(0, 16);
}

function problemsIn({ runs }: ScenarioSweep): FaultRun[] {
  return runs.filter(({ problem }) => problem !== undefined);
}

function tell({ scenario, index, point, fault, problem }: FaultRun): void {
  if (problem !== undefined)
    say(`\n${scenario}\n  ${fault} at point ${index} (${point}): ${problem}`);
}

function report(sweeps: readonly ScenarioSweep[]): number {
  const problems = sweeps.flatMap(problemsIn);
  const sum = (count: (sweep: ScenarioSweep) => number) =>
    sweeps.reduce((total, result) => total + count(result), 0);
  say(
    `\n${sum(({ points }) => points.length)} fault points, ${sum(({ runs }) => runs.length)} runs, ` +
      `${problems.length} problems`,
  );
  return problems.length === 0 ? 0 : 1;
}

function writePage(sweeps: readonly ScenarioSweep[]): void {
  const text = readFileSync(page, "utf8");
  const [before, , after] = text.split(TABLE_MARK);
  writeFileSync(page, [before, `\n\n${formatReliability(sweeps)}\n`, after].join(TABLE_MARK));
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

await main(process.argv.slice(2));
