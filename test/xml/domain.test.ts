import { expect } from "chai";
import { DomsnapError } from "../../src/core/errors/index.js";
import { canonicalUuid, parseDomain } from "../../src/xml/index.js";
import { askVirsh } from "./virsh.js";

const UUID = "6695eb01-f6a4-8304-79aa-97f2502e1930";

function domain(devices = "", rest = "<os><type>hvm</type></os>"): string {
  return (
    `<domain type='test'><name>a</name><uuid>${UUID}</uuid><memory>1024</memory>` +
    `${rest}<devices>${devices}</devices></domain>`
  );
}

function messageOf(text: string): string | undefined {
  try {
    parseDomain(text);
    return undefined;
  } catch (error) {
    if (error instanceof DomsnapError) return error.message;
    throw error;
  }
}

const TARGET = "<target dev='vda'/>";
const OS = "<os><type>hvm</type></os>";
const named = (name: string) => `<domain type='test'><name>${name}</name>`;
const memory = (text: string, unit = "KiB") =>
  `${named("a")}<uuid>${UUID}</uuid><memory unit='${unit}'>${text}</memory>${OS}</domain>`;

const REFUSED: readonly string[] = [
  "<foo/>",
  "<domain>",
  "<domain/>",
  "<domain type='test'><name/></domain>",
  `${named("a/b")}<uuid>${UUID}</uuid><memory>1</memory>${OS}</domain>`,
  `${named("a")}<uuid>zz</uuid><memory>1</memory>${OS}</domain>`,
  `${named("a")}<uuid>${UUID}</uuid><memory>1</memory></domain>`,
  `${named("a")}<uuid>${UUID}</uuid>${OS}</domain>`,
  `<domain><name>a</name><uuid>${UUID}</uuid><memory>1</memory>${OS}</domain>`,
  `<domain type='foo'><name>a</name><uuid>${UUID}</uuid><memory>1</memory>${OS}</domain>`,
  ...["x", "-1", "5.5", "0", "99999999999999999999"].map((text) => memory(text)),
  memory("1", "foo"),
  memory("1", "KiBx"),
  ...[
    "<disk/>",
    "<disk type='foo'/>",
    `<disk device='foo'>${TARGET}</disk>`,
    `<disk snapshot='foo'>${TARGET}</disk>`,
    `<disk snapshot='default'>${TARGET}</disk>`,
    `<disk><driver type='foo'/>${TARGET}</disk>`,
    `<disk type='network'><source/>${TARGET}</disk>`,
    `<disk type='vhostuser' snapshot='internal'><source type='unix' path='/x'/>${TARGET}</disk>`,
    `<disk><source file='/a'/>${TARGET}</disk><disk><source file='/b'/>${TARGET}</disk>`,
  ].map((disks) => domain(disks)),
];

describe("parseDomain", () => {
  it(`refuses ${REFUSED.length} documents with the words of virsh`, () => {
    const answers = askVirsh(
      REFUSED.map((_, index) => `define @${index}`),
      REFUSED,
    );
    const theirs = answers.map(({ error }) => error?.replace(/^Failed to define .*\nerror: /, ""));
    expect(REFUSED.map(messageOf)).to.deep.equal(theirs);
  });

  it("keeps libvirt's own output as it is, but for the id of the guest", () => {
    const [active, inactive] = askVirsh(["dumpxml test", "dumpxml test --inactive"]);
    const canonical = inactive?.output.trimEnd() ?? "";
    expect(parseDomain(active?.output ?? "").xml).to.equal(canonical);
    expect(parseDomain(canonical).xml).to.equal(canonical);
  });

  it("tells what snapshots need", () => {
    const definition = parseDomain(
      domain(
        "<disk device='cdrom'><target dev='hdc' bus='ide'/></disk>" +
          "<disk type='block' snapshot='manual'><driver name='phy'/><source dev='/dev/x'/>" +
          "<target dev='xvda'/><shareable/><transient/></disk>",
        "<os firmware='efi'><type arch='x86_64'>hvm</type></os>",
      ),
    );
    expect(definition).to.deep.include({
      type: "test",
      name: "a",
      uuid: UUID,
      osType: "hvm",
      memoryKib: 1024n,
      pflashFirmware: true,
    });
    expect(definition.disks).to.deep.equal([
      {
        target: "hdc",
        bus: "ide",
        device: "cdrom",
        type: "file",
        readonly: true,
        shareable: false,
        transient: false,
        snapshot: "no",
      },
      {
        target: "xvda",
        device: "disk",
        type: "block",
        driverName: "phy",
        source: { path: "/dev/x" },
        readonly: false,
        shareable: true,
        transient: true,
        snapshot: "manual",
      },
    ]);
  });

  it("leaves read-only and vhost-user disks out of snapshots unless they say otherwise", () => {
    const modeOf = (disk: string) => parseDomain(domain(disk)).disks[0]?.snapshot;
    expect(modeOf(`<disk>${TARGET}</disk>`)).to.equal(undefined);
    expect(modeOf(`<disk>${TARGET}<readonly/></disk>`)).to.equal("no");
    expect(modeOf(`<disk snapshot='external'>${TARGET}<readonly/></disk>`)).to.equal("external");
    expect(modeOf(`<disk type='vhostuser'>${TARGET}</disk>`)).to.equal("no");
  });

  it("describes sources by their path, and by their element where that is not all", () => {
    const sourceOf = (type: string, source: string) =>
      parseDomain(domain(`<disk type='${type}'>${source}${TARGET}</disk>`)).disks[0]?.source;
    expect(
      sourceOf("file", "<source file='/a' startupPolicy='optional' index='1'/>"),
    ).to.deep.equal({ path: "/a" });
    expect(sourceOf("file", "<source file=''/>")).to.equal(undefined);
    expect(sourceOf("file", "<source/>")).to.equal(undefined);
    expect(sourceOf("dir", "<source dir='/a'/>")).to.deep.equal({ path: "/a" });
    expect(sourceOf("file", "<source file='/a'><seclabel relabel='no'/></source>")).to.deep.equal({
      path: "/a",
      xml: "<source file='/a'>\n  <seclabel relabel='no'/>\n</source>",
    });
    expect(sourceOf("network", "<source protocol='rbd' name='p/i'/>")).to.deep.equal({
      path: "p/i",
      protocol: "rbd",
      xml: "<source protocol='rbd' name='p/i'/>",
    });
    expect(sourceOf("volume", "<source pool='p' volume='v'/>")).to.deep.equal({
      xml: "<source pool='p' volume='v'/>",
    });
  });

  it("takes the tap driver's aio for raw, as libvirt does", () => {
    const tap = domain(`<disk><driver name='tap' type='aio'/>${TARGET}</disk>`);
    expect(parseDomain(tap).disks[0]).to.deep.include({ driverName: "tap", format: "raw" });
  });

  it("scales memory, rounding up to KiB", () => {
    const kib = (text: string, unit: string) => parseDomain(memory(text, unit)).memoryKib;
    expect(kib("1500", "b")).to.equal(2n);
    expect(kib(" 2", "G")).to.equal(2097152n);
    expect(kib("1", "MB")).to.equal(977n);
    expect(kib("3", "")).to.equal(3n);
    const numa = "<cpu><numa><cell memory='1' unit='MiB'/><cell memory='5'/></numa></cpu>";
    const cells = parseDomain(`${named("a")}<uuid>${UUID}</uuid>${OS}${numa}</domain>`).memoryKib;
    expect(cells).to.equal(1029n);
  });

  it("takes a Xen guest that has only a boot loader", () => {
    const pygrub = domain("", "<bootloader>/usr/bin/pygrub</bootloader>");
    expect(parseDomain(pygrub).osType).to.equal(undefined);
  });

  it("makes a uuid only when it is told how to", () => {
    const anonymous = domain().replace(`<uuid>${UUID}</uuid>`, "<uuid/>");
    expect(() => parseDomain(anonymous)).to.throw("missing uuid");
    const definition = parseDomain(anonymous, { generateUuid: () => UUID });
    expect(definition.uuid).to.equal(UUID);
    expect(definition.xml).to.equal(parseDomain(domain()).xml);
  });

  it("reads a uuid with or without dashes, in any case", () => {
    expect(canonicalUuid(UUID.toUpperCase())).to.equal(UUID);
    expect(canonicalUuid(UUID.replaceAll("-", ""))).to.equal(UUID);
    expect(canonicalUuid("x")).to.equal(undefined);
  });
});
