import { expect } from "chai";
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import type { DomsnapError } from "../../src/core/errors/index.js";
import { formatSnapshot, parseDomain } from "../../src/xml/index.js";
import { expectError } from "../../src/testing/expect-error.js";
import {
  contentOf,
  detailsOf,
  domainXml,
  fill,
  ImportLab,
  metadata,
  outcomes,
  qemuImg,
  sample,
  UUID,
} from "./support/import-lab.js";

const definitions = { metadataOnly: true };

describe("sources of an import", () => {
  let lab: ImportLab;
  beforeEach(async () => {
    lab = new ImportLab();
    await lab.define();
  });
  afterEach(() => lab.remove());

  describe("documents of libvirt", () => {
    it("may stand one after the other in any order", async () => {
      const stream = ["c", "b", "a"]
        .map((name, index) =>
          formatSnapshot(sample(name, index < 2 ? { parent: "ba"[index]! } : {})),
        )
        .join("\n<!-- <domainsnapshot> -->\n");
      const file = join(lab.folder, "stream.xml");
      writeFileSync(file, `<?xml version='1.0'?>\n${stream}`);
      await lab.import(file, definitions);
      expect(await lab.tree()).to.deep.equal({ a: undefined, b: "a", c: "b" });
    });

    it("are lost in no silence when there is something between them", async () => {
      const file = join(lab.folder, "stream.xml");
      writeFileSync(file, `${formatSnapshot(sample("a"))}error: failed\n`);
      const result = await lab.import(file, definitions);
      expect(Object.values(outcomes(result))).to.deep.equal(["imported", "skipped"]);
    });

    for (const [name, options] of [
      ["an archive", ["-cf", "s.tar"]],
      ["a compressed archive", ["-czf", "s.tar"]],
    ] as const)
      it(`may be in ${name}`, async () => {
        const source = lab.metadata({
          "a.xml": metadata("a"),
          "b.xml": metadata("b", { parent: "a" }, true),
          "notes.txt": "not a document",
        });
        execFileSync("tar", [...options, "-C", source, "."], { cwd: lab.folder });
        await lab.import(join(lab.folder, "s.tar"), definitions);
        expect(await lab.tree()).to.deep.equal({ a: undefined, b: "a" });
        expect(await lab.current()).to.equal("b");
      });

    it("are found below libvirt's folder by the name of the domain", async () => {
      lab.metadata({ "a.xml": metadata("a") }, "snapshot/vm1");
      await lab.import(join(lab.folder, "snapshot"), { ...definitions, domain: "vm1" });
      expect(await lab.tree()).to.deep.equal({ a: undefined });
    });

    it("come from a running libvirt", async () => {
      const node = join(lab.folder, "node.xml");
      const testDomain = `<name>vm1</name><uuid>${UUID}</uuid><memory>8192</memory><os><type>hvm</type></os>`;
      const document = (name: string, parent: string) =>
        `<test:domainsnapshot><name>${name}</name><state>shutoff</state>${parent}` +
        `<creationTime>17</creationTime><domain type='test'>${testDomain}</domain>` +
        `<active>${name === "one" ? "0" : "1"}</active>` +
        "</test:domainsnapshot>";
      const ours =
        "<domain type='test' xmlns:test='http://libvirt.org/schemas/domain/test/1.0'>" +
        testDomain +
        document("one", "") +
        document('it\'s "two"', "<parent><name>one</name></parent>") +
        "</domain>";
      writeFileSync(node, `<node>${ours}</node>`);
      const result = await lab.import(`test://${node}`, { ...definitions, domain: "vm1" });
      expect(outcomes(result)).to.deep.equal({ one: "imported", 'it\'s "two"': "imported" });
      expect(await lab.tree()).to.deep.equal({ one: undefined, 'it\'s "two"': "one" });
    });
  });

  describe("information files of xl", () => {
    const V3 = 'description="d"\nname="new"\ncreationtime="300"\ntype="internal"\ndisk=["vda="]\n';
    const V2 = 'snapshot_name="old"\nsnapshot_creationtime="100"\n';
    const JSON_FILE =
      '{"name":"proto","creation_time":200,"type":"internal","disks":[{"device":"vda","name":"proto"}]}\0';

    it("of all three forms are chained by their time", async () => {
      const source = lab.metadata(
        {
          "snapshotdata-new.xl": V3,
          "snapshotdata-old.xl": V2,
          "snapshotdata-d.proto.libxl-json": JSON_FILE,
          "proto.save": "",
        },
        UUID,
      );
      const result = await lab.import(source, definitions);
      expect(await lab.tree()).to.deep.equal({ old: undefined, proto: "old", new: "proto" });
      expect(detailsOf(result, "new")).to.include("it goes below 'proto'");
      const record = await (await lab.service()).get(UUID, "new");
      expect(record.domain?.uuid).to.equal(UUID);
      expect(record.disks).to.deep.equal([{ name: "vda", type: "file", mode: "internal" }]);
      const again = await lab.import(source, definitions);
      expect(new Set(Object.values(outcomes(again)))).to.deep.equal(new Set(["unchanged"]));
    });

    it("of overlays are reverted to, because the image below is told by the overlay", async () => {
      const [base, overlay] = [join(lab.folder, "vda.qcow2"), join(lab.folder, "vda.over")];
      qemuImg("create", "-q", "-f", "qcow2", base, "1M");
      fill(base, 1);
      const frozen = contentOf(base);
      qemuImg("create", "-q", "-f", "qcow2", "-b", base, "-F", "qcow2", overlay);
      fill(overlay, 2);
      await lab.define(domainXml(lab.folder).replace("vda.qcow2", "vda.over"));
      const source = lab.metadata(
        {
          "snapshotdata-s.xl": `name="s"\ncreationtime="1"\ntype="external"\ndisk=["vda=${overlay},type=qcow2"]\n`,
        },
        UUID,
      );
      expect(outcomes(await lab.import(source))).to.deep.equal({ s: "imported" });
      const service = await lab.service();
      await service.revert(UUID, "s", {});
      const { definition } = await service.findDomain(UUID);
      expect(contentOf(definition.disks[0]?.source?.path ?? "")).to.equal(frozen);
    });
  });

  it("information files of an internal snapshot below a later overlay come back as they were", async () => {
    const base = join(lab.folder, "vda.qcow2");
    qemuImg("create", "-q", "-f", "qcow2", base, "1M");
    const service = await lab.service();
    const take = (name: string, mode: string) =>
      `<domainsnapshot><name>${name}</name><disks><disk name='vda' snapshot='${mode}'/></disks></domainsnapshot>`;
    await service.create(UUID, take("inside", "internal"), {});
    await service.create(UUID, take("outside", "external"), {});
    const folder = join(lab.folder, UUID);
    await service.export(UUID, { format: "xl", folder });
    const second = new ImportLab();
    try {
      await second.define((await service.findDomain(UUID)).definition.xml);
      expect(Object.keys(outcomes(await second.import(folder))).sort()).to.deep.equal([
        "inside",
        "outside",
      ]);
      const imported = await (await second.service()).get(UUID, "inside");
      expect(imported.domain?.disks[0]?.source?.path).to.equal(base);
      expect(await second.tree()).to.have.keys("inside", "outside");
      const again = outcomes(await second.import(folder));
      expect(again).to.deep.equal({ inside: "unchanged", outside: "unchanged" });
    } finally {
      second.remove();
    }
  });

  describe("images alone", () => {
    it("tell internal snapshots by their tags, and which disks hold them", async () => {
      await lab.define(domainXml(lab.folder, { disks: ["vda", "vdb"] }));
      const image = (target: string) => join(lab.folder, `${target}.qcow2`);
      for (const target of ["vda", "vdb"])
        qemuImg("create", "-q", "-f", "qcow2", image(target), "1M");
      fill(image("vda"), 1);
      const frozen = contentOf(image("vda"));
      for (const target of ["vda", "vdb"]) qemuImg("snapshot", "-c", "both", image(target));
      fill(image("vda"), 2);
      qemuImg("snapshot", "-c", "one", image("vda"));
      const result = await lab.import("images", { domain: "vm1" });
      expect(outcomes(result)).to.deep.equal({ both: "adapted", one: "adapted" });
      expect(detailsOf(result, "one")).to.include("vdb do not hold it");
      const service = await lab.service();
      await service.revert(UUID, "both", {});
      expect(contentOf(image("vda"))).to.equal(frozen);
      const again = await lab.import("images", { domain: "vm1" });
      expect(again.plans).to.deep.equal([]);
    });

    it("tell chains of overlays by their names", async () => {
      const path = (suffix: string) => join(lab.folder, `vda.${suffix}`);
      const chain = ["qcow2", "before-upgrade", "after-upgrade"];
      const contents: string[] = [];
      chain.forEach((suffix, index) => {
        const backing = index === 0 ? [] : ["-b", path(chain[index - 1] ?? ""), "-F", "qcow2"];
        qemuImg("create", "-q", "-f", "qcow2", ...backing, path(suffix), "1M");
        fill(path(suffix), index + 1);
        contents.push(contentOf(path(suffix)));
      });
      qemuImg("snapshot", "-c", "below", path("qcow2"));
      await lab.define(domainXml(lab.folder).replace("vda.qcow2", "vda.after-upgrade"));
      const { warnings } = await lab.import("images", { domain: "vm1" });
      expect(warnings).to.deep.equal([
        `'${path("qcow2")}', on which '${path("before-upgrade")}' stands, ` +
          "holds internal snapshots that are not looked at",
      ]);
      expect(await lab.tree()).to.deep.equal({
        "before-upgrade": undefined,
        "after-upgrade": "before-upgrade",
      });
      expect(await lab.current()).to.equal("after-upgrade");
      const service = await lab.service();
      await service.revert(UUID, "after-upgrade", {});
      const { definition } = await service.findDomain(UUID);
      expect(contentOf(definition.disks[0]?.source?.path ?? "")).to.equal(contents[1]);
    });

    it("need a domain", async () => {
      const error = await lab.import("images").catch((thrown: unknown) => thrown);
      expect((error as DomsnapError).code).to.equal("invalid-argument");
    });
  });

  describe("adaptations", () => {
    it("map paths in disks, memory and definitions", async () => {
      const memory = { mode: "external", file: "/nowhere/m.save" } as const;
      const source = lab.metadata({ "a.xml": metadata("a", { state: "running", memory }) });
      const mappings = [{ from: "/nowhere", to: "/srv" }];
      const result = await lab.import(source, { ...definitions, mappings });
      expect(detailsOf(result, "a")).to.include("/nowhere/vda.qcow2 -> /srv/vda.qcow2");
      const record = await (await lab.service()).get(UUID, "a");
      expect(record.memory?.file).to.equal("/srv/m.save");
      expect(record.domain?.disks[0]?.source?.path).to.equal("/srv/vda.qcow2");
      const again = await lab.import(source, { ...definitions, mappings });
      expect(outcomes(again)).to.deep.equal({ a: "unchanged" });
    });

    it("give Xen's names to disks, by a rule", async () => {
      const domain = parseDomain(domainXml("/nowhere", { disks: ["hda", "vda", "sdb"] }));
      const disks = domain.disks.map(
        ({ target }) => ({ name: target, type: "file", mode: "internal" }) as const,
      );
      const source = lab.metadata({ "a.xml": metadata("a", { domain, disks }) });
      const result = await lab.import(source, { ...definitions, toXen: true });
      expect(detailsOf(result, "a")).to.include("hda -> xvda, vda -> xvdb, sdb -> xvdc");
      const record = await (await lab.service()).get(UUID, "a");
      expect(record.disks.map(({ name }) => name)).to.deep.equal(["xvda", "xvdb", "xvdc"]);
      expect(record.domain?.type).to.equal("xen");
      expect(record.domain?.disks.map(({ target, bus }) => [target, bus])).to.deep.equal([
        ["xvda", "xen"],
        ["xvdb", "xen"],
        ["xvdc", "xen"],
      ]);
    });

    const external = [
      { name: "vda", type: "file", mode: "external", format: "qcow2", source: { path: "/n/o" } },
    ] as const;

    it("give other names where asked, never to what images know by its name", async () => {
      const source = lab.metadata({
        "a.xml": metadata("a", { disks: external }),
        "b.xml": metadata("b", { parent: "a" }),
      });
      const renames = new Map([
        ["a", "first"],
        ["b", "second"],
      ]);
      const result = await lab.import(source, { ...definitions, renames });
      expect(outcomes(result)).to.deep.equal({ first: "adapted", b: "skipped" });
    });

    it("find a free name for another snapshot of the same name, the same every time", async () => {
      await lab.import(lab.metadata({ "a.xml": metadata("a") }), definitions);
      const source = lab.metadata(
        {
          "a.xml": metadata("a", { disks: external }),
          "b.xml": metadata("b", { disks: external, parent: "a" }),
        },
        "second",
      );
      expect(
        outcomes(await lab.import(source, { ...definitions, renameTaken: true })),
      ).to.deep.equal({ "a-2": "adapted", b: "imported" });
      expect(await lab.tree()).to.deep.equal({ a: undefined, "a-2": undefined, b: "a-2" });
      const again = await lab.import(source, { ...definitions, renameTaken: true });
      expect(again.plans).to.deep.equal([]);
      const refused = await lab.import(source, definitions);
      expect(outcomes(refused)["a"]).to.equal("skipped");
    });

    it("define one of several domains of a libvirt", async () => {
      const node = join(lab.folder, "node.xml");
      const domains = [3, 4].map((number) => {
        const uuid = UUID.replaceAll("1", `${number}`);
        const body = `<name>new${number}</name><uuid>${uuid}</uuid><memory>8192</memory><os><type>hvm</type></os>`;
        return (
          `<domain type='test' xmlns:test='http://libvirt.org/schemas/domain/test/1.0'>${body}` +
          `<test:domainsnapshot><name>s${number}</name><state>shutoff</state><creationTime>17</creationTime>` +
          `<domain type='test'>${body}</domain><active>1</active></test:domainsnapshot></domain>`
        );
      });
      writeFileSync(node, `<node>${domains.join("")}</node>`);
      const defined = { ...definitions, define: true };
      await lab.import(`test://${node}`, { ...defined, domain: "new4" });
      const service = await lab.service();
      expect((await service.listDomains()).map(({ name }) => name)).to.deep.equal(["new4", "vm1"]);
      expect((await service.list("new4")).heads.map(({ name }) => name)).to.deep.equal(["s4"]);
      const uuid = UUID.replaceAll("1", "3");
      await lab.import(`test://${node}`, { ...defined, domain: uuid.toUpperCase() });
      expect((await service.list("new3")).heads.map(({ name }) => name)).to.deep.equal(["s3"]);
      const other = lab.import(`test://${node}`, { ...defined, domain: "new5" });
      await expectError(other, "tool-failed", /new5/);
    });

    it("define no other domain than the one that was named", async () => {
      const xml = domainXml("/nowhere", { name: "new", uuid: UUID.replaceAll("1", "3") });
      const source = lab.metadata({ "a.xml": metadata("a", { domain: parseDomain(xml) }) });
      const wrong = lab.import(source, { ...definitions, define: true, domain: "old" });
      await expectError(wrong, "invalid-argument", /of domain 'new'.*not of 'old'/);
      expect((await (await lab.service()).listDomains()).map(({ name }) => name)).to.deep.equal([
        "vm1",
      ]);
    });

    it("define a domain that is not known", async () => {
      mkdirSync(join(lab.folder, "empty"));
      const xml = domainXml("/nowhere", { name: "new", uuid: UUID.replaceAll("1", "3") });
      const source = lab.metadata({ "a.xml": metadata("a", { domain: parseDomain(xml) }) });
      const error = await lab.import(source, definitions).catch((thrown: unknown) => thrown);
      expect((error as DomsnapError).code).to.equal("no-domain");
      const service = await lab.service();
      const dry = await service.import({ source, ...definitions, define: true }, { dryRun: true });
      expect([outcomes(dry), dry.domain.name]).to.deep.equal([{ a: "imported" }, "new"]);
      expect((await service.listDomains()).map(({ name }) => name)).to.deep.equal(["vm1"]);
      await lab.import(source, { ...definitions, define: true });
      const listing = await (await lab.service()).list("new");
      expect(listing.heads.map(({ name }) => name)).to.deep.equal(["a"]);
    });
  });
});
