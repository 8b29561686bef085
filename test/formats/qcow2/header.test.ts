import { mkdir, writeFile } from "node:fs/promises";

import { expect } from "chai";
import fc from "fast-check";

import { readImageHeader } from "../../../src/formats/qcow2/header.js";
import { testFolder } from "../../support/images/folder.js";
import { exec } from "../../support/images/qemu-images.js";

describe("readImageHeader", () => {
  const folder = testFolder();

  for (const [format, options, baseFormat] of [
    ["qcow2", "compat=1.1", "raw"],
    ["qcow2", "compat=0.10", "qcow2"],
    ["qcow2", "cluster_size=512", "raw"],
    ["qcow2", "cluster_size=2M", "qcow2"],
    ["qed", "cluster_size=4096", "raw"],
  ] as const)
    it(`reads what qemu-img wrote: ${format}, ${options}, on ${baseFormat}`, async () => {
      const base = folder.file("base, with 'strange' näme");
      const overlay = folder.file("overlay");
      await exec("qemu-img", "create", "-q", "-f", baseFormat, base, "3M");
      const above = ["-b", base, "-F", baseFormat];
      await exec("qemu-img", "create", "-q", "-f", format, "-o", options, ...above, overlay);
      expect(await readImageHeader(overlay)).to.deep.equal({
        format,
        virtualSizeBytes: 3 * 1024 * 1024,
        backing: { name: base, format: baseFormat },
        snapshotCount: 0,
        externalData: false,
        backingLost: false,
        corrupt: false,
        dirty: false,
      });
    });

  it("counts internal snapshots, and sees data in another file", async () => {
    const image = folder.file("image");
    await exec("qemu-img", "create", "-q", "-f", "qcow2", image, "1M");
    await exec("qemu-img", "snapshot", "-c", "one", image);
    await exec("qemu-img", "snapshot", "-c", "two", image);
    expect((await readImageHeader(image))?.snapshotCount).to.equal(2);
    const data = `data_file=${folder.file("data")}`;
    await exec("qemu-img", "create", "-q", "-f", "qcow2", "-o", data, image, "1M");
    expect((await readImageHeader(image))?.externalData).to.equal(true);
  });

  it("says nothing of other files", async () => {
    await writeFile(folder.file("empty"), "");
    await writeFile(folder.file("text"), "x".repeat(200));
    await mkdir(folder.file("folder"));
    await exec("mkfifo", folder.file("fifo"));
    for (const name of ["empty", "text", "folder", "fifo"])
      expect(await readImageHeader(folder.file(name)), name).to.equal(undefined);
    expect(await readImageHeader("/dev/zero")).to.equal(undefined);
  });

  it("survives any header, in bounded time and memory", async () => {
    const image = folder.file("hostile");
    const magic = fc.constantFrom([0x51, 0x46, 0x49, 0xfb], [0x51, 0x45, 0x44, 0]);
    const version = fc.constantFrom(0, 2, 3, 0xffffffff);
    const rest = fc.uint8Array({ maxLength: 400 });
    await fc.assert(
      fc.asyncProperty(magic, version, rest, async (start, number, bytes) => {
        const head = Buffer.alloc(8);
        head.set(start);
        head.writeUInt32BE(number, 4);
        await writeFile(image, Buffer.concat([head, bytes]));
        const header = await readImageHeader(image);
        expect(header?.backing?.name.length ?? 0).to.be.at.most(1023);
      }),
      { numRuns: 300 },
    );
  });
});
