import "reflect-metadata";

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { ensureBuilt } from "../../scripts/ensure-built.mjs";
import { formatReliability, TABLE_MARK } from "./support/reliability-table.js";
import { allScenarios, type Scenario } from "./support/scenarios.js";
import { sweep, type ScenarioSweep } from "./support/sweep.js";

/**
 * The whole crash sweep: every scenario whose name matches the first argument, at every point, with
 * every fault. Each scenario has a process of its own, as many at once as there are processors.
 * Writes what came out into docs/reliability.md when all scenarios were swept.
 */
const page = fileURLToPath(new URL("../../docs/reliability.md", import.meta.url));
const here = fileURLToPath(import.meta.url);

async function main([first, output]: readonly string[]): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "domsnap-sweep-"));
  try {
    const scenarios = await allScenarios(folder);
    if (output !== undefined) return await sweepOne(scenarios, first ?? "", output);
    const pattern = new RegExp(first ?? ".");
    const chosen = scenarios.filter(({ name }) => pattern.test(name));
    const sweeps = await sweepAll(chosen, folder);
    if (chosen.length === scenarios.length) writePage(sweeps);
    process.exitCode = report(sweeps);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function sweepOne(scenarios: readonly Scenario[], name: string, output: string) {
  const scenario = scenarios.find((candidate) => candidate.name === name);
  if (!scenario) throw new Error(`there is no scenario '${name}'`);
  writeFileSync(output, JSON.stringify(await sweep(scenario)));
}

async function sweepAll(scenarios: readonly Scenario[], folder: string): Promise<ScenarioSweep[]> {
  ensureBuilt();
  const waiting = [...scenarios.entries()];
  const sweeps: ScenarioSweep[] = [];
  const worker = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const [index, { name }] = next;
      const output = join(folder, `sweep-${index}.json`);
      const args = ["--import", "tsx/esm", here, name, output];
      const child = spawn(process.execPath, args, { stdio: ["ignore", "inherit", "inherit"] });
      const [status] = (await once(child, "exit")) as [number | null];
      if (status !== 0) throw new Error(`the sweep of '${name}' ended with status ${status}`);
      const result = JSON.parse(readFileSync(output, "utf8")) as ScenarioSweep;
      const bad = result.runs.filter(({ problem }) => problem !== undefined).length;
      say(`${name}: ${result.points.length} points, ${result.runs.length} runs, ${bad} problems`);
      sweeps[index] = result;
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  return sweeps;
}

function report(sweeps: readonly ScenarioSweep[]): number {
  const runs = sweeps.flatMap((result) => result.runs);
  const problems = runs.filter(({ problem }) => problem !== undefined);
  for (const { scenario, index, point, fault, problem } of problems)
    say(`\n${scenario}\n  ${fault} at point ${index} (${point}): ${problem}`);
  const points = sweeps.reduce((sum, result) => sum + result.points.length, 0);
  say(`\n${points} fault points, ${runs.length} runs, ${problems.length} problems`);
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
