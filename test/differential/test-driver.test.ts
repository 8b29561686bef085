import fc from "fast-check";
import { patience } from "../../scripts/test-run/patience.cjs";
import type { CreateFlags } from "../../src/core/model/index.js";
import { domainSketch } from "./support/domain-arbitrary.js";
import { expectBusy, playBatches, seed } from "./support/run.js";
import { scenario } from "./support/scenario.js";
import { TestDriverBench } from "./support/test-driver.js";
import { treeCheck } from "./support/tree-check.js";

const redefineFlags = fc.oneof(
  { arbitrary: fc.constantFrom<CreateFlags>({}, { current: true }), weight: 12 },
  {
    arbitrary: fc.constantFrom<CreateFlags>(
      { atomic: true, live: true, quiesce: true },
      { diskOnly: true },
      { noMetadata: true },
      { validate: true },
      { validate: true },
    ),
    weight: 1,
  },
);
const createFlags = fc.oneof(
  { arbitrary: fc.constantFrom<CreateFlags>({}, { halt: true }), weight: 6 },
  {
    arbitrary: fc.constantFrom<CreateFlags>(
      { current: true },
      { atomic: true, quiesce: true },
      { live: true },
      { diskOnly: true, reuseExternal: true },
      { noMetadata: true },
    ),
    weight: 1,
  },
);

const scenarios = fc
  .tuple(
    scenario(domainSketch("running", "paused", "shutoff"), redefineFlags, createFlags),
    treeCheck,
  )
  .map(([steps, tree]) => ({ ...steps, tree }));

describe("libvirt's test driver", function () {
  this.timeout(patience(400_000));
  let bench: TestDriverBench;
  before(() => (bench = new TestDriverBench()));
  after(() => bench.remove());

  it(`answers, prints, lists and deletes as our rules for it do (seed ${seed})`, () => {
    const tally = playBatches(scenarios, (batch) => bench.play(batch), 30);
    expectBusy(tally, 1500);
  });
});
