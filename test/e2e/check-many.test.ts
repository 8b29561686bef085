import { expect } from "chai";
import { join } from "node:path";

import type { Domain } from "../../src/core/model/index.js";
import { FileToolstack } from "../../src/plugins/toolstack-file/file-toolstack.js";
import { domainXml, ImportLab, qemuImg, UUID } from "../migration/support/import-lab.js";

const COUNT = 5;

interface Listing {
  readonly listDomains: (this: FileToolstack) => Promise<readonly Domain[]>;
}

describe("a check of many domains", () => {
  let lab: ImportLab;
  const { listDomains } = FileToolstack.prototype as Listing;
  beforeEach(() => {
    lab = new ImportLab();
  });
  afterEach(() => {
    FileToolstack.prototype.listDomains = listDomains;
    lab.remove();
  });

  it("asks for all domains once, and finds what they share", async () => {
    qemuImg("create", "-q", "-f", "qcow2", join(lab.folder, "vda.qcow2"), "1M");
    for (let index = 0; index < COUNT; index++) {
      const uuid = UUID.slice(0, -1) + String(index);
      await lab.define(domainXml(lab.folder, { name: `vm${String(index)}`, uuid }));
    }
    let calls = 0;
    FileToolstack.prototype.listDomains = function (this: FileToolstack) {
      calls++;
      return listDomains.call(this);
    };
    const reports = await (await lab.service()).check();
    expect(calls).to.equal(1);
    expect(reports.map(({ findings }) => findings.map(({ code }) => code))).to.deep.equal(
      Array.from({ length: COUNT }, () => ["image-shared"]),
    );
  });
});
