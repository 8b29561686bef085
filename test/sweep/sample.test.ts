import { expect } from "chai";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { ensureBuilt } from "../../scripts/ensure-built.mjs";
import { allScenarios } from "./support/scenarios.js";
import { sweep, type FaultRun } from "./support/sweep.js";

/** How many runs this sample makes of each scenario; `npm run test:sweep` makes all. */
const RUNS_EACH = 5;

/**
 * A sample of the crash sweep: of each scenario a few of all (point, fault) pairs, spread over the
 * whole command, and others each day, so that in time all are tried here as well.
 */
describe("the crash sweep, a sample", function () {
  this.timeout(300_000);
  const folder = mkdtempSync(join(tmpdir(), "domsnap-forms-"));
  const day = Math.floor(Date.now() / 86_400_000);

  before(ensureBuilt);
  after(() => rmSync(folder, { recursive: true }));

  it("loses nothing, whatever happens at whatever point", async () => {
    const failures: FaultRun[] = [];
    let runs = 0;
    let scenarios = 0;
    for (const scenario of await allScenarios(folder)) {
      scenarios++;
      let seen = scenarios + day;
      // Some 250 pairs a scenario.
      const everyNth = Math.floor(250 / RUNS_EACH);
      const result = await sweep(scenario, { pick: () => seen++ % everyNth === 0 });
      expect(result.points.length, scenario.name).to.be.greaterThan(5);
      runs += result.runs.length;
      failures.push(...result.runs.filter(({ problem }) => problem !== undefined));
    }
    expect(failures, `of ${runs} runs, day ${day}`).to.deep.equal([]);
    expect(runs).to.be.greaterThan(3 * scenarios);
  });
});
