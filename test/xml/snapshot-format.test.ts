import { expect } from "chai";
import fc from "fast-check";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { DiskSnapshot, DomainSnapshot } from "../../src/core/model/index.js";
import { formatSnapshot, parseDomain, parseSnapshot } from "../../src/xml/index.js";
import { SNAPSHOT } from "./arbitrary-snapshot.js";
import { askVirsh } from "./virsh.js";

const QEMU = parseDomain(
  readFileSync(join(import.meta.dirname, "../../fixtures/libvirt-xml/domains/qemu.xml"), "utf8"),
);

const reread = (snapshot: DomainSnapshot, secure = true) =>
  parseSnapshot(formatSnapshot(snapshot, { secure }), { redefine: true });

describe("formatSnapshot", () => {
  it("gives back what was parsed", () => {
    fc.assert(
      fc.property(SNAPSHOT, (snapshot) => {
        expect(reread(snapshot)).to.deep.equal(snapshot);
      }),
    );
  });

  it("writes the same after reading", () => {
    fc.assert(
      fc.property(SNAPSHOT, (snapshot) => {
        const text = formatSnapshot(snapshot, { secure: true });
        const again = { ...reread(snapshot), name: snapshot.name };
        expect(formatSnapshot(again, { secure: true })).to.equal(text);
      }),
    );
  });

  it("leaves out what is not known", () => {
    const snapshot: DomainSnapshot = { name: "n", creationTime: 0n, disks: [] };
    expect(formatSnapshot(snapshot)).to.equal(
      "<domainsnapshot>\n  <name>n</name>\n</domainsnapshot>\n",
    );
  });

  it("tells of a disk's source only with a path or a format, as libvirt does", () => {
    const disk = (more: Partial<DiskSnapshot>): DiskSnapshot => ({
      name: "vda",
      mode: "external",
      type: "nvme",
      source: { xml: "<source type='pci'/>" },
      ...more,
    });
    const text = (one: DiskSnapshot) =>
      formatSnapshot({ name: "n", creationTime: 0n, disks: [one] })
        .split("\n")
        .slice(3, -3);
    expect(text(disk({}))).to.deep.equal(["    <disk name='vda' snapshot='external'/>"]);
    expect(text(disk({ format: "raw" }))).to.deep.equal([
      "    <disk name='vda' snapshot='external' type='nvme'>",
      "      <driver type='raw'/>",
      "      <source type='pci'/>",
      "    </disk>",
    ]);
  });

  it("puts a generated path into a source that was written with labels only", () => {
    const labels = "<source>\n  <seclabel model='dac' relabel='no'/>\n</source>";
    const source = { path: "/x.n", xml: labels };
    const disks = [{ name: "vda", mode: "external" as const, type: "file" as const, source }];
    const text = formatSnapshot({ name: "n", creationTime: 0n, disks });
    expect(text).to.contain(
      "      <source file='/x.n'>\n        <seclabel model='dac' relabel='no'/>\n      </source>\n",
    );
  });

  it("writes both definitions, the second under its own name", () => {
    const snapshot: DomainSnapshot = {
      name: "n",
      state: "running",
      creationTime: 1n,
      memory: { mode: "internal" },
      disks: [],
      domain: QEMU,
      inactiveDomain: QEMU,
    };
    const text = formatSnapshot(snapshot);
    expect(text).to.match(/^ {2}<domain type='qemu'>\n {4}<name>guest<\/name>$/m);
    expect(text).to.match(/^ {2}<inactiveDomain type='qemu'>\n {4}<name>guest<\/name>$/m);
    expect(text).to.match(/^ {2}<\/inactiveDomain>\n<\/domainsnapshot>\n$/m);
    expect(reread(snapshot).domain).to.deep.equal(QEMU);
    const again = { ...reread(snapshot), name: "n" };
    expect(formatSnapshot(again)).to.equal(text);
  });

  it("leaves out of a definition just what libvirt does without --security-info", () => {
    const domain =
      "<domain type='test'><name>a</name><memory>1</memory><os><type>hvm</type></os><devices>" +
      "<disk type='network'><source protocol='http' name='x'><host name='h'/>" +
      "<cookies><cookie name='c'>v</cookie></cookies></source><backingStore type='network'>" +
      "<format type='raw'/><source protocol='http' name='y'><host name='z'/>" +
      "<cookies><cookie name='d'>w</cookie></cookies></source><backingStore/></backingStore>" +
      "<target dev='vdb'/></disk><graphics type='vnc' passwd='sec' connected='keep'" +
      " passwdValidTo='2030-01-01T00:00:00'/><graphics type='spice' passwd='sec2'/>" +
      "</devices></domain>";
    const [, plain, secure] = askVirsh(
      ["define @0", "dumpxml a", "dumpxml a --security-info"],
      [domain],
    );
    const definition = parseDomain(secure?.output ?? "");
    const snapshot: DomainSnapshot = { name: "n", creationTime: 0n, disks: [], domain: definition };
    const inner = (options?: { secure: boolean }) =>
      formatSnapshot(snapshot, options)
        .split("\n")
        .slice(2, -2)
        .map((line) => line.slice(2));
    expect(inner()).to.deep.equal(plain?.output.trimEnd().split("\n"));
    expect(inner({ secure: true })).to.deep.equal(secure?.output.trimEnd().split("\n"));
  });
});
