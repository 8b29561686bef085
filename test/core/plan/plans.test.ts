import { expect } from "chai";

import type { Domain, DomainDefinition, DomainSnapshot } from "../../../src/core/model/index.js";
import type { Operation, Plan } from "../../../src/core/model/operation.js";
import { planCreate, planRedefine } from "../../../src/core/plan/plan-create.js";
import { planDelete } from "../../../src/core/plan/plan-delete.js";
import { operationsOf } from "../../../src/core/plan/plan-operations.js";
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
const back = { keeps: "overlay", target: "vda", image, overlay } as const;
const step = { ...back, before: "absent" } as const;

const kinds = (operations: readonly Operation[]) => operations.map(({ kind }) => kind);
const undone = ({ before }: Plan) => kinds(before);
const carriedThrough = ({ after }: Plan) => kinds(after);

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
    const [first] = plan.before;
    expect(first).to.deep.equal({
      kind: "disks.snapshot",
      backend: "qdisk",
      snapshot: "s",
      disks: [step, { ...step, target: "vdc" }],
    });
  });

  it("has no commit point before its end when nothing is recorded", () => {
    const plan = planCreate({ ...facts, record: false });
    expect(undone(plan)).to.deep.equal(["disks.snapshot", "disks.snapshot", "domain.define"]);
    expect(plan.after).to.deep.equal([]);
  });

  it("freezes the revert overlays of the snapshot that was current", () => {
    const previousCurrent = { ...record, name: "before", revertDisks: [] };
    const last = planCreate({ ...facts, previousCurrent }).after.at(-1);
    expect(last).to.deep.equal({
      kind: "record.write",
      snapshot: { ...record, name: "before" },
    });
  });

  it("halts only what is active", () => {
    expect(kinds(operationsOf(planCreate({ ...facts, halt: true })))).not.to.include("domain.stop");
    const running: Domain = { ...off, state: "running", id: 1 };
    const plan = planCreate({ ...facts, domain: running, halt: true });
    expect(carriedThrough(plan).at(-1)).to.equal("domain.stop");
  });
});

describe("planRedefine", () => {
  it("is one record, which is written at once or not at all", () => {
    const plan = planRedefine({ domain: off, snapshot: record, makeCurrent: false });
    expect(plan.after).to.deep.equal([{ kind: "record.write", snapshot: record }]);
    expect(plan.before).to.deep.equal([]);
  });
});

describe("planRevert", () => {
  const facts = {
    domain: off,
    snapshot: record,
    disks: [
      { ...back, backend: "qdisk" },
      { ...back, target: "vdb", backend: "dd" },
    ],
    definition: moved,
    updatedRecords: [{ ...record, description: "after" }],
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
    expect(plan.after.find(({ kind }) => kind === "domain.start")).to.include({
      paused: true,
    });
  });
});

describe("planDelete", () => {
  it("merges, re-points, records, and unlinks what was merged last", () => {
    const plan = planDelete({
      domain: off,
      snapshot: "s",
      merges: [{ target: "vda", into: "base", base: image, overlay, relink: [], backend: "qdisk" }],
      removals: [{ target: "vdb", keeps: "inside", image, backend: "qdisk" }],
      discards: [],
      definition,
      updatedRecords: [record],
      current: { name: "parent" },
      warnings: [],
    });
    expect(plan.before).to.deep.equal([]);
    expect(carriedThrough(plan)).to.deep.equal([
      "disks.merge",
      "domain.define",
      "disks.remove",
      "record.write",
      "record.current",
      "record.remove",
      "disks.discard",
    ]);
    expect(plan.after[3]).to.deep.equal({ kind: "record.write", snapshot: record });
    expect(plan.after.at(-1)).to.deep.equal({
      kind: "disks.discard",
      backend: "qdisk",
      files: [overlay],
    });
  });
});
