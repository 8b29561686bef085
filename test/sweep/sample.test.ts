import { expect } from "chai";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { patience } from "../../scripts/test-run/patience.cjs";
import { ensureBuilt } from "../../scripts/ensure-built.mjs";
import { isOfToday, TODAY } from "../support/part-of-today.js";
import { isPickedLive, LIVE_SCENARIOS, sweepLive } from "./support/live-sweep.js";
import { allScenarios } from "./support/scenarios.js";
import { sweep, type FaultRun } from "./support/sweep.js";

/** Of so many scenarios one is taken, and of so many of its runs; `npm run test:sweep` takes all. */
const SCENARIOS_PART = 3;
const RUNS_PART = 48;
const LIVE_RUNS_PART = 24;

/**
 * A sample of the crash sweep: some of all (point, fault) pairs of some scenarios, spread over the
 * whole commands, and others each day, so that in time all are tried here as well.
 */
describe("the crash sweep, a sample", function () {
  this.timeout(patience(600_000));
  const folder = mkdtempSync(join(tmpdir(), "domsnap-forms-"));

  before(ensureBuilt);
  after(() => rmSync(folder, { recursive: true }));

  it("loses nothing, whatever happens at whatever point", async () => {
    const scenarios = await allScenarios(folder);
    const chosen = scenarios.filter((_scenario, at) => isOfToday(at, SCENARIOS_PART));
    const runs: FaultRun[] = [];
    for (const [at, scenario] of chosen.entries()) {
      let seen = at;
      const result = await sweep(scenario, { pick: () => isOfToday(seen++, RUNS_PART) });
      expect(result.points.length, scenario.name).to.be.greaterThan(5);
      runs.push(...result.runs);
    }
    const lost = runs.filter(({ problem }) => problem !== undefined);
    expect(lost, `of ${runs.length} runs, day ${TODAY}`).to.deep.equal([]);
    expect(runs.length).to.be.greaterThan(2 * chosen.length);
  });

  it("nor does a guest that runs, which is never left paused", async () => {
    const scenario = LIVE_SCENARIOS[TODAY % LIVE_SCENARIOS.length];
    if (!scenario) throw new Error("there are no live scenarios");
    let seen = 0;
    const { runs } = await sweepLive(scenario, {
      pick: (run) => isPickedLive(run) && isOfToday(seen++, LIVE_RUNS_PART),
    });
    const lost = runs.filter(({ problem }) => problem !== undefined);
    expect(lost, `${scenario.name}, day ${TODAY}`).to.deep.equal([]);
    expect(runs.length).to.be.greaterThan(2);
  });
});
