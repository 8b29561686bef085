import { expect } from "chai";
import fc from "fast-check";

import { DomsnapError } from "../../src/core/errors/index.js";
import {
  formatXlDisk,
  parseXlDisk,
  xlDiskFromJson,
  xlDiskToJson,
  type XlDisk,
} from "../../src/formats/xl-disk/index.js";

const HARD_DISK = { writable: true, cdrom: false, removable: false };
const CDROM = { writable: false, cdrom: true, removable: true };

function hardDisk(target: string, vdev: string, more: Partial<XlDisk> = {}): XlDisk {
  return { target, vdev, format: "raw", ...HARD_DISK, ...more };
}

/** What xl's own reader (4.17) makes of these specifications. */
const ACCEPTED: readonly (readonly [text: string | string[], disk: XlDisk])[] = [
  ["/dev/vg/g,,hda", hardDisk("/dev/vg/g", "hda")],
  ["/dev/vg/g,raw,hda,rw", hardDisk("/dev/vg/g", "hda")],
  ["raw:/dev/vg/g,hda,w", hardDisk("/dev/vg/g", "hda")],
  ["phy:/dev/vg/g,hda,w", hardDisk("/dev/vg/g", "hda")],
  [
    "format=raw, vdev=hda, access=rw, target=/dev/vg/a,b:c d  ",
    hardDisk("/dev/vg/a,b:c d  ", "hda"),
  ],
  ["tap:qcow2:/a.img,xvda,w", hardDisk("/a.img", "xvda", { format: "qcow2" })],
  ["tap2:tapdisk:vhd:/a.vhd,xvda,w", hardDisk("/a.vhd", "xvda", { format: "vhd" })],
  ["iscsi:iqn.x,xvda,w", hardDisk("iqn.x", "xvda", { script: "block-iscsi" })],
  ["nbd:localhost:10809,xvda,w", hardDisk("localhost:10809", "xvda", { script: "block-nbd" })],
  ["a:b,raw,xvda", hardDisk("a:b", "xvda")],
  ["ioemu:hda,/x", hardDisk("hda", "/x")],
  [",hdc:cdrom,r", { target: "", vdev: "hdc", format: "empty", ...CDROM }],
  [",,hdc:cdrom,r", { target: "", vdev: "hdc", format: "empty", ...CDROM }],
  ["devtype=cdrom,,,hdc", { target: "", vdev: "hdc", format: "empty", ...CDROM }],
  ["vdev=hdc,devtype=cdrom", { vdev: "hdc", format: "empty", ...CDROM }],
  ["file:/a.iso,hdc:cdrom,r", { target: "/a.iso", vdev: "hdc", format: "raw", ...CDROM }],
  [
    "/root/image.iso,,hdc,cdrom",
    { target: "/root/image.iso", vdev: "hdc", format: "raw", ...CDROM },
  ],
  ["/a,raw,xvda:disk,w", hardDisk("/a", "xvda")],
  ["format=qcow2,format=qcow2,vdev=xvda,target=/a", hardDisk("/a", "xvda", { format: "qcow2" })],
  [",raw,xvda,target=/b", hardDisk("/b", "xvda")],
  ["empty,,hdc,r", hardDisk("empty", "hdc", { writable: false })],
  [["discard", "vdev=hda", "target=/x"], hardDisk("/x", "hda", { discard: true })],
  ["vdev=hda,target=null", hardDisk("null", "hda")],
  ["vdev=xvda,target=/a,,", hardDisk("/a,", "xvda")],
];

const REFUSED: readonly (readonly [text: string, ...mistakes: string[]])[] = [
  ["qed:/a,hda,w", "unknown deprecated disk prefix"],
  ["/a.iso,hdc:cdrom,r", "unknown value for format"],
  ["/a,raw,hda,!", "unknown value for access"],
  ["/a,raw,hda,w,x", "too many positional parameters"],
  ["/a", "no vdev specified"],
  ["vdev=hda", "no target specified (and device not removable)"],
  ["/a=b.img,raw,xvda", "bad disk syntax"],
  ["format=qcow2,format=raw,vdev=xvda,target=/a", "format respecified"],
  ["/a,raw,xvda,target=/b", "target respecified"],
  ["target=/a:b,c,vdev=xvda", "no vdev specified"],
  ["bogus=12,vdev=xvda,target=/b", "unknown parameter: near `bogus=1'"],
  ["readonly,vdev=xvda,target=/x", "target respecified"],
  ["format=xvhd,vdev=xvda,target=/x", "unknown value for format"],
  ["backendtype=file,vdev=xvda,target=/x", "unknown value for backendtype"],
  ["hda=disk_hda.qcow2,type=qcow2", "unknown parameter", "unknown parameter"],
  ["format=raw ,vdev=xvda,target=/x", "unknown value for format"],
];

describe("xl's disk specifications", () => {
  for (const [text, disk] of ACCEPTED)
    it(`reads ${JSON.stringify(text)}`, () => {
      expect(parseXlDisk(text)).to.deep.equal(disk);
    });

  for (const [text, ...mistakes] of REFUSED)
    it(`refuses ${text}`, () => {
      const found = mistakesIn(text);
      mistakes.forEach((mistake, index) => {
        expect(found[index]).to.include(`config parsing error in disk specification: ${mistake}`);
      });
    });

  it("names the file and the specification", () => {
    expect(mistakesIn("/a")[0]).to.equal(
      "(disk): config parsing error in disk specification: no vdev specified: in `/a'",
    );
  });

  const texts = fc.stringMatching(/^[ -+.-~]{1,12}$/);
  const flag = fc.option(fc.boolean(), { nil: undefined });
  const disks = fc
    .record(
      {
        target: fc.stringMatching(/^[ -~]{1,20}$/),
        vdev: fc.constantFrom("xvda", "hdb", "sdc1", "d3p1"),
        format: fc.constantFrom("raw", "qcow2", "vhd", "qed", "qcow"),
        writable: fc.boolean(),
        backendType: fc.constantFrom("phy", "tap", "qdisk", "standalone"),
        script: texts,
        backendDomain: texts,
        discard: flag,
        specification: fc.constantFrom("xen", "virtio"),
      },
      { requiredKeys: ["target", "vdev", "format", "writable"] },
    )
    .map((disk) => ({ cdrom: false, removable: false, ...withoutUndefined(disk) }) as XlDisk);

  it("come back from the canonical form", () => {
    fc.assert(
      fc.property(disks, (disk) => {
        expect(parseXlDisk(formatXlDisk(disk))).to.deep.equal(disk);
      }),
    );
  });

  it("come back from libxl's JSON", () => {
    fc.assert(
      fc.property(disks, (disk) => {
        expect(xlDiskFromJson(xlDiskToJson(disk))).to.deep.equal(disk);
      }),
    );
    expect(
      xlDiskToJson(
        parseXlDisk("format=qcow2,vdev=xvda,backendtype=qdisk,discard,direct-io-safe,target=/a/b"),
      ),
    ).to.deep.equal({
      pdev_path: "/a/b",
      vdev: "xvda",
      backend: "qdisk",
      format: "qcow2",
      readwrite: 1,
      direct_io_safe: true,
      discard_enable: "True",
    });
  });

  it("are refused when the form cannot carry them", () => {
    expect(() => formatXlDisk(hardDisk("/a\nb", "xvda"))).to.throw(DomsnapError);
    expect(() => formatXlDisk(hardDisk("/a", "xvda,b"))).to.throw(DomsnapError);
  });
});

function withoutUndefined(record: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined));
}

function mistakesIn(text: string): string[] {
  try {
    parseXlDisk(text);
  } catch (thrown) {
    expect(thrown).to.be.instanceOf(DomsnapError);
    return (thrown as DomsnapError).detail.split("\n");
  }
  throw new Error(`${text} was accepted`);
}
