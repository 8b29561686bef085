import { expect } from "chai";
import type { DomainSnapshot } from "../../../src/core/model/index.js";
import { domsnapRules, qemuRules } from "../../../src/core/model/index.js";
import { revertTarget, type RevertRequest } from "../../../src/core/rules/index.js";
import { expectFailure, sampleDefinition, sampleDomain } from "./support/rules-samples.js";

function record(over: Partial<DomainSnapshot> = {}): DomainSnapshot {
  return {
    name: "s",
    creationTime: 1n,
    state: "shutoff",
    memory: { mode: "no" },
    disks: [{ name: "vda", type: "file", mode: "internal" }],
    domain: sampleDefinition(),
    ...over,
  };
}

function revert(snapshot: Partial<DomainSnapshot>, over: Partial<RevertRequest> = {}) {
  return revertTarget({
    domain: sampleDomain(),
    snapshot: record(snapshot),
    flags: {},
    rules: domsnapRules,
    ...over,
  });
}

const external = { disks: [{ name: "vda", type: "file", mode: "external" }] } as const;

describe("revertTarget", () => {
  it("goes to the recorded state unless told otherwise", () => {
    const inMemory = { memory: { mode: "internal" } } as const;
    expect(revert({})).to.deep.equal({ state: "shutoff", fromMemory: false });
    expect(revert({}, { flags: { paused: true } })).to.deep.equal({
      state: "paused",
      fromMemory: false,
    });
    expect(revert({ state: "paused", ...inMemory })).to.deep.equal({
      state: "paused",
      fromMemory: true,
    });
    expect(revert({ state: "paused", ...inMemory }, { flags: { running: true } })).to.deep.equal({
      state: "running",
      fromMemory: true,
    });
    expect(revert({ state: "crashed" }).state).to.equal("shutoff");
    expect(revert({ state: "disk-snapshot", ...external }).state).to.equal("shutoff");
  });

  it("asks what becomes of a domain without a definition of its own", () => {
    const domain = sampleDomain({ persistent: false, state: "running" });
    expectFailure(
      () => revert({}, { domain }),
      "operation-invalid",
      "transient domain needs to request run or pause to revert to inactive snapshot",
    );
    expect(revert({}, { domain, flags: { running: true } }).state).to.equal("running");
  });

  it("refuses external snapshots with the QEMU driver's rules", () => {
    expectFailure(
      () => revert(external, { rules: qemuRules }),
      "config-unsupported",
      "revert to external snapshot not supported yet",
    );
  });

  it("needs a stored definition, force or not", () => {
    const { domain: stored, ...bare } = record();
    expect(stored).to.not.equal(undefined);
    for (const force of [false, true])
      expectFailure(
        () => revert({}, { snapshot: bare, flags: { force } }),
        "revert-risky",
        "snapshot 's' lacks domain 'guest' rollback info",
      );
  });

  it("refuses states that nothing can be brought to", () => {
    expectFailure(
      () => revert({ state: "pmsuspended" }),
      "operation-unsupported",
      "qemu doesn't support reversion of snapshot taken in PMSUSPENDED state",
    );
    expectFailure(
      () => revert({ state: "disk-snapshot", disks: [] }, { rules: qemuRules }),
      "internal-error",
      "Invalid target domain state 'disk-snapshot'. Refusing snapshot reversion",
    );
  });
});
