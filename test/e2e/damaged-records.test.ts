import { expect } from "chai";
import { readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import type { DomsnapError } from "../../src/core/errors/index.js";
import {
  detailsOf,
  ImportLab,
  metadata,
  outcomes,
  qemuImg,
  UUID,
} from "../migration/support/import-lab.js";

/** How much of a record is left. */
const DAMAGES: readonly (readonly [title: string, left: (sizeBytes: number) => number])[] = [
  ["the head of it", (sizeBytes) => sizeBytes - 100],
  ["less than its head", () => 200],
];

describe("a record that cannot be read", () => {
  let lab: ImportLab;
  const record = (name: string) => join(lab.connection, "snapshots", UUID, `${name}.xml`);
  beforeEach(async () => {
    lab = new ImportLab();
    qemuImg("create", "-q", "-f", "qcow2", join(lab.folder, "vda.qcow2"), "1M");
    await lab.define();
    const source = lab.metadata({
      "parent.xml": metadata("parent"),
      "child.xml": metadata("child", { parent: "parent" }),
    });
    await lab.import(source, { metadataOnly: true });
  });
  afterEach(() => lab.remove());

  /** Cuts the record of `parent`, and gives what has to stay of it. */
  function damage(left: (sizeBytes: number) => number): string {
    const path = record("parent");
    truncateSync(path, left(readFileSync(path).length));
    return readFileSync(path, "utf8");
  }

  async function codeOf(work: Promise<unknown>): Promise<string> {
    const failure: unknown = await work.then(
      () => expect.fail("it succeeded"),
      (thrown: unknown) => thrown,
    );
    return (failure as DomsnapError).code;
  }

  for (const [title, left] of DAMAGES) {
    it(`is not replaced by an import (${title} is left), and stays a parent`, async () => {
      const text = damage(left);
      const source = lab.metadata(
        {
          "parent.xml": metadata("parent"),
          "new.xml": metadata("new", { parent: "parent" }),
        },
        "again",
      );
      const result = await lab.import(source, { metadataOnly: true, renameTaken: true });
      expect(outcomes(result)).to.deep.equal({ new: "imported", parent: "skipped" });
      expect(detailsOf(result, "parent")).to.include("cannot be read");
      expect((await lab.tree())["new"]).to.equal("parent");
      expect(readFileSync(record("parent"), "utf8")).to.equal(text);
    });

    it(`is not replaced by another snapshot (${title} is left)`, async () => {
      const text = damage(left);
      const service = await lab.service();
      const document = (rest: string) =>
        `<domainsnapshot><name>parent</name>${rest}</domainsnapshot>`;
      const created = codeOf(service.create(UUID, document(""), {}));
      // A name that can be listed is simply taken.
      expect(await created).to.be.oneOf(["record-unreadable", "operation-failed"]);
      const redefined = codeOf(
        service.create(UUID, metadata("parent").replace(/<!--[^]*?-->/, ""), { redefine: true }),
      );
      expect(await redefined).to.equal("record-unreadable");
      expect(readFileSync(record("parent"), "utf8")).to.equal(text);
      expect(qemuImg("snapshot", "-l", join(lab.folder, "vda.qcow2")).trim()).to.equal("");
    });
  }

  it("keeps its children, as check sees them", async () => {
    writeFileSync(record("parent"), "");
    const service = await lab.service();
    const reports = await service.check(UUID);
    const orphan = reports[0]?.findings.find(({ code }) => code === "parent-missing");
    expect(orphan?.detail).to.equal("the record of its parent 'parent' cannot be read");
    expect(orphan).not.to.have.property("repair");
  });
});
