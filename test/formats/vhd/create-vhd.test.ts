import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { expect } from "chai";

import { formatEmptyVhd, formatFixedFooter } from "../../../src/formats/vhd/create-vhd.js";
import { geometryOf } from "../../../src/formats/vhd/geometry.js";
import { makeFolder } from "../../plugins/support/state-folder.js";
import { goldenFooter, goldenSparse } from "./support/golden-vhd.js";

const MIB = 1024 * 1024;
const UUID = "00112233445566778899aabbccddeeff";
const PARENT_UUID = "ffeeddccbbaa99887766554433221100";
const CREATED_MS = 946_684_800_000 + 123_000;

const base = {
  sizeBytes: 10 * MIB,
  uuid: UUID,
  createdMs: CREATED_MS,
  finalPath: "/srv/child.vhd",
};
const goldenBase = { sizeBytes: 10 * MIB, uuid: UUID, createdAt: 123, geometry: 0x012d0411 };
const windows = (path: string) => Buffer.from(path, "utf16le");

describe("new VHDs", () => {
  it("are, when dynamic, the bytes that vhd-util writes", () => {
    const made = formatEmptyVhd(base);
    expect(made.length).to.equal(3584);
    expect(made.equals(goldenSparse({ ...goldenBase, type: 3 }))).to.equal(true);
  });

  it("are, when differencing, the bytes that vhd-util writes", () => {
    const parent = { path: "/srv/base.vhd", uuid: PARENT_UUID, changedMs: CREATED_MS + 1000 };
    const made = formatEmptyVhd({ ...base, parent });
    const paths = [
      { code: "MacX", bytes: Buffer.from("file://./base.vhd") },
      { code: "W2ku", bytes: windows(".\\base.vhd") },
      { code: "W2ru", bytes: windows(".\\base.vhd") },
    ];
    const golden = { uuid: PARENT_UUID, name: "base.vhd", changedAt: 124, paths };
    expect(made.length).to.equal(5120);
    expect(made.equals(goldenSparse({ ...goldenBase, type: 4, parent: golden }))).to.equal(true);
  });

  it("name a parent in a higher folder, and a raw one without a UUID", () => {
    const parent = { path: "/base.img", changedMs: CREATED_MS };
    const made = formatEmptyVhd({ ...base, parent });
    const paths = [
      { code: "MacX", bytes: Buffer.from("file://../base.img") },
      { code: "W2ku", bytes: windows(".\\..\\base.img") },
      { code: "W2ru", bytes: windows(".\\..\\base.img") },
    ];
    const golden = { uuid: "00".repeat(16), name: "base.img", changedAt: 123, paths };
    expect(made.equals(goldenSparse({ ...goldenBase, type: 4, parent: golden }))).to.equal(true);
  });

  it("are, when fixed, a footer behind the data", () => {
    const golden = goldenFooter({ ...goldenBase, type: 2 });
    expect(formatFixedFooter(base).equals(golden)).to.equal(true);
  });

  it("take four megabytes for the largest disk", () => {
    expect(formatEmptyVhd({ ...base, sizeBytes: 2040 * 1024 * MIB }).length).to.equal(4_311_040);
  });

  it("have the geometry of the specification", () => {
    const samples: [number, number][] = [
      [2, 0x003c0411],
      [10, 0x012d0411],
      [100, 0x03eb0c11],
      [504, 0x0400103f],
      [8032, 0x3fbe103f],
      [65536, 0x808010ff],
      [130559, 0xffff10ff],
      [2040 * 1024, 0xffff10ff],
    ];
    for (const [mib, geometry] of samples)
      expect(geometryOf(mib * MIB).toString(16), `${mib} MiB`).to.equal(geometry.toString(16));
  });

  it("are read by libvhdi, with the parent that they name", async () => {
    const { path: folder, dispose } = await makeFolder();
    try {
      const parent = { path: join(folder, "base.vhd"), uuid: PARENT_UUID, changedMs: CREATED_MS };
      const parentFile = formatEmptyVhd({ ...base, uuid: PARENT_UUID, finalPath: parent.path });
      writeFileSync(parent.path, parentFile);
      const child = join(folder, "child.vhd");
      writeFileSync(child, formatEmptyVhd({ ...base, finalPath: child, parent }));
      const info = execFileSync("vhdiinfo", [child], { encoding: "utf8" });
      expect(info).to.match(/Disk type\s+: Differential/);
      expect(info).to.match(/Media size\s+: 10 MiB/);
      expect(info).to.match(/Identifier\s+: 00112233-4455-6677-8899-aabbccddeeff/);
      expect(info).to.match(/Parent identifier\s+: ffeeddcc-bbaa-9988-7766-554433221100/);
      expect(info).to.match(/Parent filename\s+: base\.vhd/);
    } finally {
      await dispose();
    }
  });
});
