import { expect } from "chai";

import type { Domain, DomainDefinition, DomainSnapshot } from "../../../src/core/model/index.js";
import { renameFiles } from "../../../src/core/plan/disk-images.js";
import { planCreate } from "../../../src/core/plan/plan-create.js";
import { planDelete } from "../../../src/core/plan/plan-delete.js";
import { operationsOf } from "../../../src/core/plan/plan-operations.js";

const definition: DomainDefinition = {
  type: "xen",
  name: "guest",
  uuid: "11111111-2222-3333-4444-555555555555",
  memoryKib: 65_536n,
  pflashFirmware: false,
  disks: [],
  xml: "<domain type='xen'/>",
};
const domain: Domain = {
  name: "guest",
  uuid: definition.uuid,
  state: "shutoff",
  persistent: true,
  definition,
};
const vhd = (path: string) => ({ path, type: "file", format: "vhd" }) as const;
const disk = (name: string, path: string) =>
  ({ name, mode: "external", type: "file", format: "vhd", source: { path } }) as const;
const record = (name: string, path: string): DomainSnapshot => ({
  name,
  creationTime: 1n,
  disks: [disk("xvda", path)],
});

describe("plans of a backend that keeps paths", () => {
  const step = {
    backend: "blktap",
    target: "xvda",
    keeps: "renamed",
    image: vhd("/img/a.vhd"),
    frozen: vhd("/img/a.second"),
    overlay: vhd("/img/a.vhd"),
    before: "absent",
  } as const;
  const facts = { domain, record: true, halt: false, warnings: [] };

  it("tell the previous record where its overlay went, after the commit", () => {
    const previousCurrent = record("first", "/img/a.vhd");
    const snapshot = record("second", "/img/a.vhd");
    const plan = planCreate({ ...facts, snapshot, disks: [step], previousCurrent });
    expect(plan.after.slice(2)).to.deep.equal([
      { kind: "record.write", snapshot: record("first", "/img/a.second") },
    ]);
  });

  it("leave the previous record alone when its overlay stays", () => {
    const previousCurrent = record("first", "/img/other.vhd");
    const snapshot = record("second", "/img/a.vhd");
    const plan = planCreate({ ...facts, snapshot, disks: [step], previousCurrent });
    expect(operationsOf(plan)).to.have.length(3);
  });

  it("discard the name of the frozen image after a merge, not the overlay's", () => {
    const merge = { backend: "blktap", target: "xvda", relink: [] };
    const images = { base: vhd("/img/a.first"), overlay: vhd("/img/a.vhd") };
    const deletion = { domain, snapshot: "first", removals: [], discards: [], updatedRecords: [] };
    const planned = (into: "base" | "renamed") =>
      planDelete({
        ...deletion,
        merges: [{ ...merge, ...images, into }],
        current: "keep",
        warnings: [],
      }).after.at(-1);
    const discard = { kind: "disks.discard", backend: "blktap" };
    expect(planned("renamed")).to.deep.equal({ ...discard, files: [images.base] });
    expect(planned("base")).to.deep.equal({ ...discard, files: [images.overlay] });
  });

  it("rename files of external disks only, and keep the list where nothing changes", () => {
    const disks = [disk("xvda", "/img/a"), { name: "xvdb", mode: "no", type: "file" } as const];
    expect(renameFiles(disks, new Map([["/img/b", "/img/c"]]))).to.equal(disks);
    expect(renameFiles(disks, new Map([["/img/a", "/img/c"]]))).to.deep.equal([
      disk("xvda", "/img/c"),
      disks[1],
    ]);
  });
});
