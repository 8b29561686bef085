import { expect } from "chai";

import type { Domain, DomainDefinition, DomainSnapshot } from "../../../src/core/model/index.js";
import type { Plan } from "../../../src/core/model/operation.js";
import { planCreate } from "../../../src/core/plan/plan-create.js";
import { planDelete } from "../../../src/core/plan/plan-delete.js";
import { operationsOf } from "../../../src/core/plan/plan-operations.js";
import { planRevert } from "../../../src/core/plan/plan-revert.js";

const definition: DomainDefinition = {
  type: "qemu",
  name: "guest",
  uuid: "11111111-2222-3333-4444-555555555555",
  memoryKib: 65_536n,
  pflashFirmware: false,
  disks: [],
  xml: "<domain type='qemu'/>",
};
const stored = { ...definition, xml: "<domain type='qemu'><stored/></domain>" };
const running: Domain = {
  name: "guest",
  uuid: definition.uuid,
  id: 7,
  state: "running",
  persistent: true,
  definition,
  inactiveDefinition: stored,
};
const paused: Domain = { ...running, state: "paused" };
const record: DomainSnapshot = { name: "s", creationTime: 1n, disks: [] };
const image = { path: "/img/a.qcow2", type: "file", format: "qcow2" } as const;
const overlay = { path: "/img/a.s", type: "file", format: "qcow2" } as const;
const back = { backend: "qdisk", target: "vda", keeps: "overlay", image, overlay } as const;
const taken = { ...back, before: "absent" } as const;
const copied = {
  backend: "dd",
  target: "vdb",
  keeps: "copy",
  image,
  copy: overlay,
  before: "absent",
} as const;
const memory = { mode: "external", file: "/img/s.mem", before: "absent" } as const;

const kinds = (plan: Plan) => operationsOf(plan).map(({ kind }) => kind);

describe("planCreate of an active domain", () => {
  const facts = (domain: Domain, disks: Parameters<typeof planCreate>[0]["disks"]) => ({
    domain,
    snapshot: record,
    disks,
    record: true,
    halt: false,
    warnings: [],
    live: { memory, live: false },
  });

  it("prepares while the guest runs, takes all at one instant, then records", () => {
    const plan = planCreate({ ...facts(running, [taken]), definition: stored });
    expect(kinds(plan)).to.deep.equal([
      "domain.prepare-capture",
      "domain.capture",
      "domain.define",
      "record.write",
      "record.current",
    ]);
    expect(plan.before).to.have.length(3);
    expect(plan.before[1]).to.include({ resume: true, live: false, memory });
    expect(plan.before[2]).to.include({ previous: stored });
  });

  it("copies in the pause that the capture ends", () => {
    expect(kinds(planCreate(facts(running, [taken, copied]))).slice(0, 4)).to.deep.equal([
      "domain.prepare-capture",
      "domain.pause",
      "disks.snapshot",
      "domain.capture",
    ]);
  });

  it("saves the memory in the act of pausing, where that is the only way to save it", () => {
    const xen = facts(running, [taken, copied]);
    const plan = planCreate({ ...xen, live: { ...xen.live, pausesToSave: true } });
    expect(plan.before[1]).to.deep.equal({
      kind: "domain.pause",
      save: { snapshot: record.name, memory },
    });
    expect(plan.before[3]).to.deep.include({ memory, memorySaved: true });
    const uncopied = { ...xen, disks: [taken], live: { ...xen.live, pausesToSave: true } };
    expect(planCreate(uncopied).before[1]).not.to.have.property("memorySaved");
  });

  it("copies alone between pause and resume", () => {
    const copies = facts(running, [copied]);
    const plan = planCreate({ ...copies, live: { live: false } });
    expect(kinds(plan).slice(0, 3)).to.deep.equal([
      "domain.pause",
      "disks.snapshot",
      "domain.resume",
    ]);
  });

  it("never lets a paused guest run", () => {
    const plan = planCreate(facts(paused, [taken, copied]));
    expect(kinds(plan)).not.to.include("domain.pause");
    expect(operationsOf(plan).filter((operation) => "resume" in operation && operation.resume)).to
      .be.empty;
  });
});

describe("planRevert to saved memory", () => {
  const facts = {
    domain: running,
    snapshot: record,
    disks: [back],
    definition: stored,
    leftOverlays: [],
    stop: true,
    warnings: [],
    memory: { mode: "external", file: "/img/s.mem" },
  } as const;

  it("starts paused, which can be repeated, and lets the guest run last", () => {
    const plan = planRevert({ ...facts, start: "running" });
    expect(kinds(plan).slice(-3)).to.deep.equal([
      "record.current",
      "domain.start",
      "domain.resume",
    ]);
    expect(plan.after.at(-2)).to.include({ paused: true, memory: facts.memory });
    expect(kinds(planRevert({ ...facts, start: "paused" })).at(-1)).to.equal("domain.start");
  });

  it("stages beside images that the guest still has open", () => {
    const plan = planRevert({ ...facts, start: "off" });
    expect(plan.before[0]).to.include({ kind: "disks.stage", open: true });
    expect(kinds(plan)).not.to.include("domain.start");
  });
});

describe("planDelete on an active domain", () => {
  const kept = { target: "vda", into: "base", base: image, overlay, relink: [] } as const;
  const merge = { ...kept, backend: "qdisk" };
  const elsewhere = { ...merge, overlay: { ...overlay, path: "/img/b.s" } };
  const internal = { backend: "qdisk", target: "vda", keeps: "inside", image } as const;

  it("leaves to the hypervisor what the guest has open, and no more", () => {
    const plan = planDelete({
      domain: running,
      snapshot: "s",
      removals: [internal],
      merges: [merge, elsewhere],
      discards: [],
      updatedRecords: [],
      current: "keep",
      openImages: new Set([image.path, overlay.path]),
      memoryFile: "/img/s.mem",
      warnings: [],
    });
    expect(kinds(plan)).to.deep.equal([
      "domain.merge",
      "disks.merge",
      "domain.remove",
      "record.remove",
      "disks.discard",
      "domain.discard-memory",
    ]);
    expect(plan.before).to.deep.equal([]);
    expect(plan.after[0]).to.deep.equal({
      kind: "domain.merge",
      snapshot: "s",
      disks: [kept],
      resume: true,
    });
  });
});
