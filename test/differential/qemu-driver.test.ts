import fc from "fast-check";
import { patience } from "../../scripts/test-run/patience.cjs";
import type { CreateFlags } from "../../src/core/model/index.js";
import { domainSketch } from "./support/domain-arbitrary.js";
import { QemuDriverBench } from "./support/qemu-driver.js";
import { expectBusy, playBatches, seed } from "./support/run.js";
import { scenario } from "./support/scenario.js";

const redefineFlags = fc.oneof(
  { arbitrary: fc.constantFrom<CreateFlags>({}, { current: true }), weight: 12 },
  {
    arbitrary: fc.constantFrom<CreateFlags>(
      { diskOnly: true },
      { live: true },
      { noMetadata: true },
      { validate: true },
    ),
    weight: 1,
  },
);
const createFlags = fc.oneof(
  {
    arbitrary: fc.constantFrom<CreateFlags>(
      {},
      { diskOnly: true },
      { diskOnly: true, atomic: true },
      { diskOnly: true, noMetadata: true },
      { diskOnly: true, reuseExternal: true },
      { validate: true },
    ),
    weight: 7,
  },
  {
    arbitrary: fc.constantFrom<CreateFlags>(
      { noMetadata: true },
      { halt: true },
      { live: true },
      { quiesce: true },
      { diskOnly: true, quiesce: true },
      { current: true },
    ),
    weight: 1,
  },
);

describe("libvirt's QEMU driver", function () {
  this.timeout(patience(400_000));
  let bench: QemuDriverBench;
  before(() => (bench = new QemuDriverBench()));
  after(() => bench.remove());

  it(`answers and prints as our rules for it do (seed ${seed})`, () => {
    const scenarios = scenario(domainSketch("shutoff"), redefineFlags, createFlags);
    const tally = playBatches(scenarios, (batch) => bench.play(batch), 25);
    expectBusy(tally, 800);
  });
});
