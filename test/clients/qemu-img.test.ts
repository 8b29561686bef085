import { expect } from "chai";

import { QemuImg } from "../../src/clients/qemu-img.js";
import { expectError } from "../../src/testing/expect-error.js";
import { testFolder } from "../support/images/folder.js";
import { whileHeld } from "../support/images/holding-images.js";
import { exec, guestWrites, qemuImages } from "../support/images/qemu-images.js";

const MIB = 1024 * 1024;

describe("QemuImg", () => {
  const folder = testFolder();
  const qemuImg = new QemuImg();
  const qcow2 = (name: string) => ({ path: folder.file(name), format: "qcow2" }) as const;
  const make = (name: string, content = Buffer.alloc(MIB, 1)) =>
    qemuImages.makeImage(folder.file(name), "qcow2", content);
  const firstByte = async (name: string) =>
    (await qemuImages.readImage({ ...qcow2(name), type: "file" }))[0];

  it("reads what an image says of itself", async () => {
    await make("base");
    await exec(
      "qemu-img",
      "create",
      "-q",
      "-f",
      "qcow2",
      "-b",
      folder.file("base"),
      "-F",
      "qcow2",
      folder.file("top"),
      "2M",
    );
    await qemuImg.createSnapshot(qcow2("top"), "first");
    const { allocatedBytes, snapshots, ...info } = await qemuImg.info(qcow2("top"));
    expect(info).to.deep.equal({
      path: folder.file("top"),
      format: "qcow2",
      virtualSizeBytes: 2 * MIB,
      backing: { path: folder.file("base"), format: "qcow2" },
    });
    expect(allocatedBytes).to.be.within(1, MIB);
    expect(snapshots).to.have.length(1);
    expect(snapshots[0]).to.include({
      id: "1",
      tag: "first",
      vmStateBytes: 0,
      vmClockNanoseconds: 0n,
    });
    expect(snapshots[0]?.dateSeconds).to.be.closeTo(Date.now() / 1000, 60);
  });

  it("never takes a raw disk for what a guest wrote into it", async () => {
    await make("qcow2");
    const info = await qemuImg.info({ path: folder.file("qcow2"), format: "raw" });
    expect(info).to.not.have.property("backing");
    expect(info.virtualSizeBytes).to.not.equal(MIB);
  });

  for (const path of ["relative", 'json:{"driver":"null-co"}', "nbd:localhost:10809", "-U", ""])
    it(`refuses the name '${path}'`, async () => {
      const image = { path, format: "raw" } as const;
      await expectError(qemuImg.info(image), "invalid-argument");
      await expectError(qemuImg.createOverlay(qcow2("top"), image), "invalid-argument");
      await expectError(qemuImg.rebase(qcow2("top"), image), "invalid-argument");
    });

  it("applies by id where a tag looks like another's id", async () => {
    await make("image");
    await qemuImg.createSnapshot(qcow2("image"), "2");
    await guestWrites(qcow2("image"), 7, 0, "64k");
    await qemuImg.createSnapshot(qcow2("image"), "x");
    await guestWrites(qcow2("image"), 9, 0, "64k");
    const { snapshots } = await qemuImg.info(qcow2("image"));
    await qemuImg.revertToSnapshot(
      qcow2("image"),
      snapshots.find(({ tag }) => tag === "2")?.id ?? "",
    );
    expect(await firstByte("image")).to.equal(1);
  });

  it("deletes only a tag that is there once", async () => {
    await make("image");
    for (const tag of ["one", "twice", "twice"]) await qemuImg.createSnapshot(qcow2("image"), tag);
    await expectError(
      qemuImg.deleteSnapshot(qcow2("image"), "twice"),
      "image-conflict",
      `image '${folder.file("image")}' holds 2 snapshots with the name 'twice'`,
    );
    await expectError(
      qemuImg.deleteSnapshot(qcow2("image"), "never"),
      "image-conflict",
      `image '${folder.file("image")}' holds no snapshot 'never'`,
    );
    await qemuImg.deleteSnapshot(qcow2("image"), "one");
    const { snapshots } = await qemuImg.info(qcow2("image"));
    expect(snapshots.map(({ tag }) => tag)).to.deep.equal(["twice", "twice"]);
  });

  it("refuses a tag that QEMU would cut", async () => {
    await make("image");
    await qemuImg.createSnapshot(qcow2("image"), "ä".repeat(127));
    for (const tag of ["ä".repeat(128), ""])
      await expectError(qemuImg.createSnapshot(qcow2("image"), tag), "config-unsupported");
    expect((await qemuImg.info(qcow2("image"))).snapshots).to.have.length(1);
  });

  it("respects the lock of a program that has the image open", async () => {
    await make("image");
    const image = qcow2("image");
    await whileHeld(image, async () => {
      const text = `image '${image.path}' is in use by another program`;
      await expectError(qemuImg.info(image), "image-in-use", text);
      await expectError(qemuImg.createSnapshot(image, "x"), "image-in-use", text);
      await expectError(qemuImg.commit(image), "image-in-use", text);
      const info = await qemuImg.info(image, { shared: true });
      expect(info.snapshots).to.deep.equal([]);
    });
    await qemuImg.createSnapshot(image, "x");
  });

  it("commits with progress into a smaller image below, and keeps the overlay", async () => {
    const base = await make("base");
    await exec(
      "qemu-img",
      "create",
      "-q",
      "-f",
      "qcow2",
      "-b",
      base.path,
      "-F",
      "qcow2",
      folder.file("top"),
      "8M",
    );
    await guestWrites(qcow2("top"), 5, 6 * MIB, "1M");
    const fractions: number[] = [];
    await qemuImg.commit(qcow2("top"), { onFraction: (fraction) => fractions.push(fraction) });
    expect(fractions.at(-1)).to.equal(1);
    expect((await qemuImg.info(base)).virtualSizeBytes).to.equal(8 * MIB);
    expect(await qemuImg.hasSameContent(qcow2("top"), base)).to.equal(true);
    await guestWrites(qcow2("top"), 6, 0, "4k");
    expect(await qemuImg.hasSameContent(qcow2("top"), base)).to.equal(false);
  });

  it("rebases with and without a look at the content", async () => {
    const one = await make("one");
    const two = await make("two", Buffer.alloc(MIB, 2));
    await qemuImg.createOverlay(qcow2("top"), one);
    await qemuImg.rebase(qcow2("top"), two);
    expect(await firstByte("top")).to.equal(1);
    await qemuImg.createOverlay(qcow2("top"), one);
    await qemuImg.rebase(qcow2("top"), two, { contentSame: true });
    expect(await firstByte("top")).to.equal(2);
  });

  it("names the package when qemu-img is missing", async () => {
    await make("image");
    const missing = new QemuImg("/nowhere/qemu-img");
    const error = await expectError(missing.info(qcow2("image")), "tool-missing");
    expect(error.hint).to.include("qemu-utils");
  });
});
