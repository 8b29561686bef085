import { expect } from "chai";
import fc from "fast-check";
import type { CreateFlags } from "../../src/core/model/index.js";
import { domainSketch } from "./support/domain-arbitrary.js";
import { scenario } from "./support/scenario.js";
import { TestDriverBench } from "./support/test-driver.js";

const redefineFlags = fc.constantFrom<CreateFlags>(
  {},
  {},
  { current: true },
  { atomic: true, live: true, quiesce: true },
  { diskOnly: true },
  { noMetadata: true },
);
const createFlags = fc.constantFrom<CreateFlags>(
  {},
  {},
  {},
  { current: true },
  { halt: true },
  { atomic: true, quiesce: true },
  { live: true },
  { diskOnly: true, reuseExternal: true },
  { noMetadata: true },
);

describe("libvirt's test driver", function () {
  this.timeout(120_000);
  let bench: TestDriverBench;
  before(() => (bench = new TestDriverBench()));
  after(() => bench.remove());

  it("answers and prints as our rules for it do", () => {
    const scenarios = fc.array(
      scenario(domainSketch("running", "paused", "shutoff"), redefineFlags, createFlags),
      { minLength: 1, maxLength: 60, size: "max" },
    );
    fc.assert(
      fc.property(scenarios, (batch) => {
        expect(bench.play(batch).join("\n\n")).to.equal("");
      }),
      { numRuns: 20 },
    );
  });
});
