import { expect } from "chai";
import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";

import { DomsnapError } from "../../src/core/errors/index.js";
import { parseDomain } from "../../src/xml/index.js";
import {
  detailsOf,
  domainXml,
  ImportLab,
  metadata,
  outcomes,
  sample,
  UUID,
} from "./support/import-lab.js";

const OTHER_UUID = "22222222-2222-4222-8222-222222222222";

describe("broken inputs of an import", () => {
  let lab: ImportLab;
  beforeEach(async () => {
    lab = new ImportLab();
    await lab.define();
  });
  afterEach(() => lab.remove());

  const definitions = { metadataOnly: true };

  it("a loop of parents is cut, and the rest of it stays", async () => {
    const source = lab.metadata({
      "a.xml": metadata("a", { parent: "c" }),
      "b.xml": metadata("b", { parent: "a" }),
      "c.xml": metadata("c", { parent: "b" }),
      "self.xml": metadata("self", { parent: "self" }),
    });
    const result = await lab.import(source, definitions);
    expect(Object.values(outcomes(result)).filter((one) => one === "adapted")).to.have.length(2);
    const tree = await lab.tree();
    expect(Object.keys(tree)).to.have.members(["a", "b", "c", "self"]);
    expect(Object.values(tree).filter((parent) => parent === undefined)).to.have.length(2);
    expect(detailsOf(result, "self")).to.include("loop");
  });

  it("an orphan becomes a root", async () => {
    const source = lab.metadata({ "a.xml": metadata("a", { parent: "gone" }) });
    const result = await lab.import(source, definitions);
    expect(detailsOf(result, "a")).to.equal("its parent 'gone' is missing: it becomes a root");
    expect(await lab.tree()).to.deep.equal({ a: undefined });
  });

  it("of two documents of one name that in its own file counts", async () => {
    const source = lab.metadata({
      "0-copy.xml": metadata("a", { description: "copy" }),
      "a.xml": metadata("a", { description: "original" }),
    });
    const result = await lab.import(source, definitions);
    expect(result.entries.map(({ outcome }) => outcome)).to.deep.equal(["imported", "skipped"]);
    expect((await (await lab.service()).get(UUID, "a")).description).to.equal("original");
  });

  it("a truncated document is skipped, its children become roots", async () => {
    const whole = metadata("a");
    const source = lab.metadata({
      "a.xml": whole.slice(0, whole.length / 2),
      "b.xml": metadata("b", { parent: "a" }),
    });
    const result = await lab.import(source, definitions);
    expect(outcomes(result)).to.deep.equal({ b: "adapted", [join(source, "a.xml")]: "skipped" });
  });

  it("snapshots of another domain are skipped, whether its name is the same or not", async () => {
    const sameName = parseDomain(domainXml("/nowhere", { uuid: OTHER_UUID }));
    const other = parseDomain(domainXml("/nowhere", { name: "vm2", uuid: OTHER_UUID }));
    const source = lab.metadata({
      "a.xml": metadata("a"),
      "b.xml": metadata("b", { domain: sameName }),
      "c.xml": metadata("c", { domain: other, parent: "a" }),
    });
    const result = await lab.import(source, { ...definitions, domain: "vm1" });
    expect(outcomes(result)).to.deep.equal({ a: "imported", b: "skipped", c: "skipped" });
    expect(detailsOf(result, "b")).to.include(OTHER_UUID);
  });

  it("snapshots of two domains need a word which is meant", async () => {
    const other = parseDomain(domainXml("/nowhere", { name: "vm2", uuid: OTHER_UUID }));
    const source = lab.metadata({
      "a.xml": metadata("a"),
      "b.xml": metadata("b", { domain: other }),
    });
    const error = await lab.import(source, definitions).catch((thrown: unknown) => thrown);
    expect(error).to.be.instanceOf(DomsnapError);
    expect((error as DomsnapError).detail).to.include("2 domains");
  });

  it("a snapshot whose image is missing is skipped, its children go to the next ancestor", async () => {
    const missing = { mode: "external", type: "file", format: "qcow2" } as const;
    const none = sample("x", { disks: [{ name: "vda", type: "file", mode: "no" }] }).disks;
    const source = lab.metadata({
      "a.xml": metadata("a", { disks: none }),
      "b.xml": metadata("b", {
        parent: "a",
        disks: [{ name: "vda", ...missing, source: { path: "/nowhere/vda.b" } }],
      }),
      "c.xml": metadata("c", { parent: "b", disks: none }),
    });
    const result = await lab.import(source);
    expect(outcomes(result)).to.deep.equal({ a: "imported", b: "skipped", c: "adapted" });
    expect(detailsOf(result, "b")).to.include("/nowhere/vda.qcow2");
    expect(await lab.tree()).to.deep.equal({ a: undefined, c: "a" });
  });

  it("copies beside the documents are not looked at, and told", async () => {
    const source = lab.metadata({
      "a.xml": metadata("a"),
      "a.xml.bak": metadata("b"),
      "backup.txt": metadata("c"),
    });
    const result = await lab.import(source, definitions);
    expect(outcomes(result)).to.deep.equal({ a: "imported" });
    expect(result.warnings.join()).to.include("'a.xml.bak', 'backup.txt'");
  });

  it("of two current ones none is", async () => {
    const source = lab.metadata({
      "a.xml": metadata("a", {}, true),
      "b.xml": metadata("b", {}, true),
    });
    const result = await lab.import(source, definitions);
    expect(result.warnings).to.deep.equal([
      "several snapshots claim to be current, so none is made: 'a', 'b'",
    ]);
    expect(await lab.current()).to.equal(undefined);
  });

  it("an unreadable file hides no other", async () => {
    const source = lab.metadata({ "a.xml": metadata("a") });
    // Nobody is kept from reading when the tests run as root, so it is something else than a file.
    mkdirSync(join(source, "b.xml"));
    symlinkSync("/nowhere/at/all", join(source, "c.xml"));
    const result = await lab.import(source, definitions);
    expect(outcomes(result)).to.deep.equal({
      a: "imported",
      [join(source, "b.xml")]: "skipped",
      [join(source, "c.xml")]: "skipped",
    });
  });

  it("a name that no record can have is skipped", async () => {
    const source = lab.metadata({
      "a.xml": metadata("a"),
      "evil.xml": metadata("../../evil"),
    });
    const result = await lab.import(source, definitions);
    expect(outcomes(result)).to.deep.equal({ a: "imported", "../../evil": "skipped" });
    expect(detailsOf(result, "../../evil")).to.include("name can't contain '/'");
  });

  it("what is nothing at all is refused with the kinds that there are", async () => {
    const error = await lab.import("/nowhere").catch((thrown: unknown) => thrown);
    expect((error as DomsnapError).code).to.equal("invalid-argument");
    expect((error as DomsnapError).hint)
      .to.include("libvirt (")
      .and.include("xl (");
  });
});
