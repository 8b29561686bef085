import { expect } from "chai";

import type { Domain, DomainDefinition, DomainSnapshot } from "../../../src/core/model/index.js";
import type { Operation, Plan } from "../../../src/core/model/operation.js";
import { planCreate, planRedefine } from "../../../src/core/plan/plan-create.js";
import { planDelete } from "../../../src/core/plan/plan-delete.js";
import { planRevert } from "../../../src/core/plan/plan-revert.js";

const definition: DomainDefinition = {
  type: "xen",
  name: "guest",
  uuid: "11111111-2222-3333-4444-555555555555",
  memoryKib: 65_536n,
  pflashFirmware: false,
  disks: [],
  xml: "<domain type='xen'/>",
};
const moved = { ...definition, xml: "<domain type='xen'><moved/></domain>" };
const off: Domain = {
  name: "guest",
  uuid: definition.uuid,
  state: "shutoff",
  persistent: true,
  definition,
};
const record: DomainSnapshot = { name: "s", creationTime: 1n, disks: [] };
const image = { path: "/img/a.qcow2", type: "file", format: "qcow2" } as const;
const overlay = { path: "/img/a.s", type: "file", format: "qcow2" } as const;
const step = { target: "vda", mode: "external", image, file: overlay } as const;

const kinds = (operations: readonly Operation[]) => operations.map(({ kind }) => kind);
const undone = (plan: Plan) => kinds(plan.operations.slice(0, plan.commitAt));
const carriedThrough = (plan: Plan) => kinds(plan.operations.slice(plan.commitAt));

describe("planCreate", () => {
  const facts = {
    domain: off,
    snapshot: record,
    disks: [
      { ...step, backend: "qdisk" },
      { ...step, target: "vdb", backend: "dd" },
      { ...step, target: "vdc", backend: "qdisk" },
    ],
    definition: moved,
    record: true,
    halt: false,
    warnings: [],
  };

  it("freezes each backend's disks as one group, and commits with the record", () => {
    const plan = planCreate(facts);
    expect(undone(plan)).to.deep.equal(["disks.snapshot", "disks.snapshot", "domain.define"]);
    expect(carriedThrough(plan)).to.deep.equal(["record.write", "record.current"]);
    const [first] = plan.operations;
    expect(first).to.deep.equal({
      kind: "disks.snapshot",
      backend: "qdisk",
      snapshot: "s",
      disks: [step, { ...step, target: "vdc" }],
    });
  });

  it("has no commit point before its end when nothing is recorded", () => {
    const plan = planCreate({ ...facts, record: false });
    expect(plan.commitAt).to.equal(plan.operations.length);
  });

  it("freezes the revert overlays of the snapshot that was current", () => {
    const previousCurrent = { ...record, name: "before", revertDisks: [] };
    const last = planCreate({ ...facts, previousCurrent }).operations.at(-1);
    expect(last).to.deep.equal({
      kind: "record.write",
      snapshot: { ...record, name: "before" },
      previous: previousCurrent,
    });
  });

  it("halts only what is active", () => {
    expect(kinds(planCreate({ ...facts, halt: true }).operations)).not.to.include("domain.stop");
    const running: Domain = { ...off, state: "running", id: 1 };
    const plan = planCreate({ ...facts, domain: running, halt: true });
    expect(carriedThrough(plan).at(-1)).to.equal("domain.stop");
  });
});

describe("planRedefine", () => {
  it("is one record that puts the earlier one back when it fails", () => {
    const previous = { ...record, description: "before" };
    const plan = planRedefine({ domain: off, snapshot: record, previous, makeCurrent: false });
    expect(plan.operations).to.deep.equal([{ kind: "record.write", snapshot: record, previous }]);
    expect(plan.commitAt).to.equal(0);
  });
});

describe("planRevert", () => {
  const facts = {
    domain: off,
    snapshot: record,
    disks: [
      { ...step, backend: "qdisk" },
      { ...step, target: "vdb", backend: "dd" },
    ],
    definition: moved,
    updatedSnapshot: { ...record, description: "after" },
    leftOverlays: [{ ...overlay, backend: "qdisk" }],
    start: "off" as const,
    stop: false,
    warnings: [],
  };

  it("stages every disk before the first switches, and discards after the records", () => {
    const plan = planRevert(facts);
    expect(undone(plan)).to.deep.equal(["disks.stage", "disks.stage"]);
    expect(carriedThrough(plan)).to.deep.equal([
      "disks.revert",
      "disks.revert",
      "domain.define",
      "record.write",
      "record.current",
      "disks.discard",
    ]);
  });

  it("stops after staging and starts after the records", () => {
    const plan = planRevert({ ...facts, stop: true, start: "paused" });
    expect(carriedThrough(plan)[0]).to.equal("domain.stop");
    expect(plan.operations.find(({ kind }) => kind === "domain.start")).to.include({
      paused: true,
    });
  });
});

describe("planDelete", () => {
  it("merges, re-points, records, and unlinks what was merged last", () => {
    const plan = planDelete({
      domain: off,
      snapshot: "s",
      merges: [{ target: "vda", base: image, overlay, relink: [], backend: "qdisk" }],
      removals: [{ target: "vdb", mode: "internal", image, backend: "qdisk" }],
      discards: [],
      definition,
      updatedRecords: [{ snapshot: record, previous: record }],
      current: { name: "parent" },
      warnings: [],
    });
    expect(plan.commitAt).to.equal(0);
    expect(kinds(plan.operations)).to.deep.equal([
      "disks.merge",
      "domain.define",
      "disks.remove",
      "record.write",
      "record.current",
      "record.remove",
      "disks.discard",
    ]);
    // Undoing a write that names nothing to put back would remove the record of another snapshot.
    expect(plan.operations[3]).to.have.property("previous", record);
    expect(plan.operations.at(-1)).to.deep.equal({
      kind: "disks.discard",
      backend: "qdisk",
      files: [overlay],
    });
  });
});
