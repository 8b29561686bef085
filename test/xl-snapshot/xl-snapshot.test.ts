import { expect } from "chai";
import fc from "fast-check";

import { DomsnapError } from "../../src/core/errors/index.js";
import type { DomainDisk } from "../../src/core/model/index.js";
import {
  diskOfDiskSnapshot,
  diskSnapshotOfDisk,
  domainDiskOfXlDisk,
  formatXlDisk,
  parseXlDisk,
  xlDiskOfDomainDisk,
} from "../../src/formats/xl-disk/index.js";
import {
  formatInformationFile,
  formatLibxlSnapshot,
  fromToolstackSnapshot,
  parseInformationFile,
  parseLibxlSnapshot,
  toToolstackSnapshot,
  type ToolstackSnapshot,
} from "../../src/xl-snapshot/index.js";

const V3 = `description="before the upgrade"
name="snap1"
creationtime="1400137200"
save="snap1.save"
type="external"
live="no"
disk_only="no"
disk=[ 'hda=disk_hda.qcow2,type=qcow2', 'hdb=/a,type=b/c,type=raw' ]
`;

const inFolder = { resolve: (file: string) => (file.startsWith("/") ? file : `/snap/${file}`) };

describe("information files of snapshots", () => {
  it("are read with the keys of the third proposal", () => {
    expect(parseInformationFile(V3)).to.deep.equal({
      name: "snap1",
      description: "before the upgrade",
      creationTime: 1400137200n,
      memoryFile: "snap1.save",
      type: "external",
      live: false,
      diskOnly: false,
      disks: [
        { device: "hda", file: "disk_hda.qcow2", format: "qcow2" },
        { device: "hdb", file: "/a,type=b/c", format: "raw" },
      ],
    });
  });

  it("are read with the keys of the second proposal", () => {
    const text = 'snapshot_name="s"\nsnapshot_creationtime="7"\nsnapshot_save="/m"\nfuture=[1]\n';
    expect(parseInformationFile(text)).to.deep.equal({
      name: "s",
      creationTime: 7n,
      memoryFile: "/m",
      disks: [],
    });
  });

  it("may hold real disk specifications, as the prototype's input did", () => {
    const disk = "disk=['vdev=hda,target=null','format=qcow2,vdev=hdb,target=/x.qcow2']";
    expect(parseInformationFile(`name="s"\n${disk}`).disks).to.deep.equal([
      { device: "hda", type: "internal" },
      { device: "hdb", file: "/x.qcow2", format: "qcow2", type: "external" },
    ]);
  });

  it("become libvirt's snapshots, with absolute paths", () => {
    expect(fromToolstackSnapshot(parseInformationFile(V3), inFolder)).to.deep.equal({
      name: "snap1",
      description: "before the upgrade",
      state: "running",
      creationTime: 1400137200n,
      memory: { mode: "external", file: "/snap/snap1.save" },
      disks: [
        {
          name: "hda",
          type: "file",
          mode: "external",
          format: "qcow2",
          source: { path: "/snap/disk_hda.qcow2" },
        },
        {
          name: "hdb",
          type: "file",
          mode: "external",
          format: "raw",
          source: { path: "/a,type=b/c" },
        },
      ],
    });
  });

  const file = fc.stringMatching(/^\/[ -~]{1,20}$/);
  const disks = fc.array(
    fc.oneof(
      fc.record({ device: fc.constantFrom("hda", "xvdb", "sdc") }),
      fc.record({
        device: fc.constantFrom("hdd", "xvde"),
        file,
        format: fc.constantFrom("raw" as const, "qcow2" as const),
      }),
    ),
    { maxLength: 3 },
  );
  const snapshots: fc.Arbitrary<ToolstackSnapshot> = fc
    .record({
      name: fc.string({ minLength: 1 }).filter((text) => !CONTROL.test(text)),
      creationTime: fc.bigInt(1n, 2n ** 53n),
      disks,
      memoryFile: fc.option(file, { nil: undefined }),
      type: fc.constantFrom("internal" as const, "external" as const),
    })
    .map(({ memoryFile, ...rest }) => ({ ...rest, ...(memoryFile && { memoryFile }) }));

  it("come back from both formats", () => {
    fc.assert(
      fc.property(snapshots, (snapshot) => {
        expect(parseInformationFile(formatInformationFile(snapshot))).to.deep.equal(snapshot);
        expect(parseLibxlSnapshot(formatLibxlSnapshot(snapshot))).to.deep.equal(snapshot);
      }),
    );
  });

  it("come back from libvirt's model", () => {
    fc.assert(
      fc.property(snapshots, (snapshot) => {
        const model = fromToolstackSnapshot(snapshot, inFolder);
        const again = fromToolstackSnapshot(toToolstackSnapshot(model), inFolder);
        expect(again).to.deep.equal(model);
      }),
    );
  });

  it("of the prototype are read as libxl wrote them", () => {
    const json = `{ "name": "p", "creation_time": 1404950400, "memory": "/m/p.save",
      "type": "internal", "running": true, "disks": [ { "device": "hda", "name": "p", "path": "" },
      { "device": "hdb", "name": "p", "file": "/b.qcow2", "format": "qcow2", "type": "external" } ] }\0`;
    expect(parseLibxlSnapshot(json)).to.deep.equal({
      name: "p",
      creationTime: 1404950400n,
      memoryFile: "/m/p.save",
      type: "internal",
      state: { running: true },
      disks: [
        { device: "hda" },
        { device: "hdb", file: "/b.qcow2", format: "qcow2", type: "external" },
      ],
    });
  });

  for (const [what, text, message] of [
    ["no name", 'description="x"', "the snapshot has no name"],
    ["an unknown type", 'name="s"\ntype="both"', "unknown type 'both'"],
    ["an unknown format", 'name="s"\ndisk=["hda=/a,type=zip"]', "unknown image format 'zip'"],
    ["a list for a disk", 'name="s"\ndisk=[["hda"]]', "a disk is a list"],
  ] as const)
    it(`with ${what} are refused`, () => {
      expect(() => parseInformationFile(text, "f.xl")).to.throw(DomsnapError, `f.xl: ${message}`);
    });

  it("of the prototype that are broken are refused", () => {
    const times = ["1.5", "1e999"].map((time) => `{"name":"s","creation_time":${time}}`);
    for (const json of ["{", "[]", '{"name":1}', '{"name":"s","disks":[{"device":2}]}', ...times])
      expect(() => parseLibxlSnapshot(json, "f"), json).to.throw(DomsnapError, "f: ");
  });
});

// eslint-disable-next-line no-control-regex -- they are what it looks for
const CONTROL = /[\x00-\x1f]/;

const DISK: DomainDisk = {
  target: "xvda",
  device: "disk",
  type: "file",
  driverName: "qemu",
  format: "qcow2",
  source: { path: "/a.qcow2" },
  readonly: false,
  shareable: false,
  transient: false,
};

describe("disks of libvirt and of xl", () => {
  const native = (more: Partial<DomainDisk>) =>
    formatXlDisk(xlDiskOfDomainDisk({ ...DISK, ...more }));

  it("are the same by the rules of libvirt's Xen driver", () => {
    expect(native({})).to.equal(
      "format=qcow2,vdev=xvda,access=rw,backendtype=qdisk,target=/a.qcow2",
    );
    expect(native({ driverName: "tap2", format: "vhd" }))
      .to.include("format=vhd")
      .and.include("backendtype=tap");
    expect(native({ driverName: "phy", format: "raw", readonly: true })).to.equal(
      "format=raw,vdev=xvda,access=ro,backendtype=phy,target=/a.qcow2",
    );
    const { driverName: _none, ...unnamed } = DISK;
    expect(formatXlDisk(xlDiskOfDomainDisk(unnamed))).to.equal(
      "format=raw,vdev=xvda,access=rw,target=/a.qcow2",
    );
  });

  it("are refused with the driver's texts", () => {
    const texts: readonly (readonly [Partial<DomainDisk>, string])[] = [
      [{ driverName: "loop" }, "libxenlight does not support disk driver loop"],
      [
        { driverName: "phy" },
        "libxenlight does not support disk format qcow2 with disk driver phy",
      ],
      [{ transient: true }, "libxenlight does not support transient disks"],
    ];
    for (const [more, text] of texts) expect(() => native(more)).to.throw(DomsnapError, text);
  });

  it("come back from a specification", () => {
    const there = (disk: DomainDisk) => xlDiskOfDomainDisk(disk);
    for (const text of [
      "format=qcow2,vdev=hda,access=rw,backendtype=qdisk,target=/a",
      "format=raw,vdev=xvdb,access=ro,backendtype=phy,target=/dev/b",
      "format=vhd,vdev=xvdc,access=rw,backendtype=tap,target=/c",
      "format=empty,vdev=hdc,access=ro,backendtype=qdisk,devtype=cdrom",
    ])
      expect(formatXlDisk(there(domainDiskOfXlDisk(parseXlDisk(text))))).to.equal(text);
  });

  it("give and take the file of a snapshot", () => {
    const file = { path: "/new", type: "file", format: "qcow2" } as const;
    const snapshot = diskSnapshotOfDisk(DISK, file);
    expect(snapshot).to.deep.include({ name: "xvda", mode: "external" });
    expect(diskOfDiskSnapshot(snapshot, DISK)).to.deep.equal({ ...DISK, source: { path: "/new" } });
    expect(diskOfDiskSnapshot(diskSnapshotOfDisk(DISK), DISK)).to.equal(DISK);
  });
});
