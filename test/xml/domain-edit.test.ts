import { expect } from "chai";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { DiskRelocation } from "../../src/core/ports/snapshot-documents.js";
import { parseDomain, relocateDisks, renameDomain } from "../../src/xml/index.js";

const QEMU = parseDomain(
  readFileSync(join(import.meta.dirname, "../../fixtures/libvirt-xml/domains/qemu.xml"), "utf8"),
);

const OVERLAY: DiskRelocation = {
  target: "vda",
  type: "file",
  source: { path: "/images/guest's & overlay" },
  format: "qcow2",
};

function withDisk(disk: string) {
  const devices = `<devices><disk>${disk}</disk></devices>`;
  const rest = `<uuid>${QEMU.uuid}</uuid><memory>1</memory><os><type>hvm</type></os>`;
  return parseDomain(`<domain type='qemu'><name>a</name>${rest}${devices}</domain>`);
}

describe("relocateDisks", () => {
  it("changes type, source and format of the disk and nothing else", () => {
    const moved = relocateDisks(QEMU, [OVERLAY]);
    expect(moved.xml).to.equal(
      QEMU.xml
        .replace("name='qemu' type='raw'", "name='qemu' type='qcow2'")
        .replace("/var/lib/libvirt/images/guest.raw", "/images/guest&apos;s &amp; overlay"),
    );
    expect(moved.disks[0]).to.deep.equal({
      ...QEMU.disks[0],
      format: "qcow2",
      source: OVERLAY.source,
    });
    expect(moved.disks.slice(1)).to.deep.equal(QEMU.disks.slice(1));
  });

  it("may be repeated, and leaves unknown names alone", () => {
    const moved = relocateDisks(QEMU, [OVERLAY]);
    expect(relocateDisks(moved, [OVERLAY])).to.deep.equal(moved);
    expect(relocateDisks(QEMU, [{ ...OVERLAY, target: "vdz" }])).to.deep.equal(QEMU);
    expect(relocateDisks(QEMU, [])).to.deep.equal(QEMU);
  });

  it("gives a disk without a driver one, and a block device its own attribute", () => {
    const moved = relocateDisks(withDisk("<target dev='vda'/><source file='/a'/>"), [
      { target: "vda", type: "block", source: { path: "/dev/x" }, format: "raw" },
    ]);
    expect(moved.xml).to.contain(
      "<disk type='block'>\n      <driver type='raw'/>\n      <source dev='/dev/x'/>\n" +
        "      <target dev='vda'/>\n    </disk>",
    );
  });

  it("forgets the chain and mirror of the old image, but keeps its labels", () => {
    const disk = withDisk(
      "<source file='/a' index='1'><seclabel model='dac' relabel='no'/><encryption format='luks'/>" +
        "</source><backingStore type='file'><format type='raw'/><source file='/b'/></backingStore>" +
        "<mirror/><target dev='vda'/><serial>s</serial>",
    );
    const { xml } = relocateDisks(disk, [OVERLAY]);
    expect(xml).not.to.match(/backingStore|mirror|encryption|index/);
    expect(xml).to.contain("<seclabel model='dac' relabel='no'/>");
    expect(xml).to.contain("<serial>s</serial>");
  });

  it("takes a whole source element", () => {
    const xml = "<source protocol='nbd' name='e'>\n  <host name='h'/>\n</source>";
    const source = { path: "e", protocol: "nbd", xml };
    const moved = relocateDisks(QEMU, [{ target: "vda", type: "network", source, format: "raw" }]);
    expect(moved.disks[0]?.source).to.deep.equal(source);
  });
});

describe("renameDomain", () => {
  it("changes the name and nothing else", () => {
    const renamed = renameDomain(QEMU, "other <guest>");
    expect(renamed.name).to.equal("other <guest>");
    expect(renamed.xml).to.equal(
      QEMU.xml.replace("<name>guest</name>", "<name>other &lt;guest&gt;</name>"),
    );
    expect(renameDomain(renamed, "guest")).to.deep.equal(QEMU);
  });

  it("refuses what is no name", () => {
    expect(() => renameDomain(QEMU, "a/b")).to.throw("name a/b cannot contain '/'");
    expect(() => renameDomain(QEMU, "")).to.throw("missing name information");
  });
});
