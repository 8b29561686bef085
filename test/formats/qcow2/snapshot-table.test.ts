import { open, writeFile } from "node:fs/promises";

import { expect } from "chai";
import fc from "fast-check";

import { isPresentState, readSnapshotTable } from "../../../src/formats/qcow2/snapshot-table.js";
import { testFolder } from "../../support/images/folder.js";
import { exec, guestWrites } from "../../support/images/qemu-images.js";

describe("qcow2 snapshots", () => {
  const folder = testFolder();

  async function makeImage(...options: string[]): Promise<string> {
    const path = folder.file("image.qcow2");
    await exec("qemu-img", "create", "-q", "-f", "qcow2", ...options, path, "64M");
    await guestWrites({ path, format: "qcow2" }, 1, 0, "256k");
    return path;
  }

  for (const compat of ["0.10", "1.1"])
    it(`follows snapshots, writes and reverts (compat ${compat})`, async () => {
      const path = await makeImage("-o", `compat=${compat}`);
      await exec("qemu-img", "snapshot", "-c", "first", path);
      expect(await isPresentState(path, "1")).to.equal(true);
      await guestWrites({ path, format: "qcow2" }, 2, 0, "4k");
      expect(await isPresentState(path, "1")).to.equal(false);
      await exec("qemu-img", "snapshot", "-c", "second", path);
      expect(await isPresentState(path, "1")).to.equal(false);
      expect(await isPresentState(path, "2")).to.equal(true);
      await exec("qemu-img", "snapshot", "-a", "first", path);
      expect(await isPresentState(path, "1")).to.equal(true);
      expect(await isPresentState(path, "2")).to.equal(false);
    });

  it("sees a write far from the beginning, with many mapping entries", async () => {
    const path = await makeImage("-o", "cluster_size=4096");
    await exec("qemu-img", "snapshot", "-c", "first", path);
    await guestWrites({ path, format: "qcow2" }, 2, 63 * 1024 * 1024, "4k");
    expect(await isPresentState(path, "1")).to.equal(false);
  });

  it("are listed as qemu-img lists them", async () => {
    const path = await makeImage();
    const tags = ["2", "with 'strange' näme\n", "x".repeat(255), "2"];
    for (const tag of tags) await exec("qemu-img", "snapshot", "-c", tag, path);
    const expected = tags.map((tag, index) => ({ id: String(index + 1), tag }));
    const table = await readSnapshotTable(path);
    expect(table.map(({ id, tag }) => ({ id, tag }))).to.deep.equal(expected);
    await writeFile(folder.file("other"), "x".repeat(100));
    expect(await readSnapshotTable(folder.file("other"))).to.deep.equal([]);
  });

  it("knows no other ids", async () => {
    const path = await makeImage();
    expect(await isPresentState(path, "1")).to.equal(false);
    await exec("qemu-img", "snapshot", "-c", "2", path);
    expect(await isPresentState(path, "2")).to.equal(false);
  });

  it("survives any header and table", async () => {
    const path = folder.file("hostile");
    await writeFile(path, Buffer.alloc(4096));
    const file = await open(path, "r+");
    try {
      await fc.assert(
        fc.asyncProperty(fc.uint8Array({ minLength: 72, maxLength: 500 }), async (bytes) => {
          bytes.set([0x51, 0x46, 0x49, 0xfb]);
          await file.write(bytes, 0, bytes.length, 0);
          expect(await readSnapshotTable(path)).to.be.an("array");
          expect(await isPresentState(path, "1")).to.be.a("boolean");
        }),
        { numRuns: 300 },
      );
    } finally {
      await file.close();
    }
  });
});
