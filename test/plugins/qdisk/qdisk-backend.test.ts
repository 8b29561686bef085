import { chown, readdir, stat, writeFile } from "node:fs/promises";

import { expect } from "chai";
import { Container } from "inversify";

import type {
  ImageFormat,
  ImageRef,
  MergeStep,
  OperationOf,
  SnapshotStep,
} from "../../../src/core/model/index.js";
import { DiskBackend, type DiskWish } from "../../../src/core/ports/index.js";
import { readImageHeader } from "../../../src/formats/qcow2/header.js";
import { QemuImg } from "../../../src/clients/qemu-img.js";
import { QdiskBackend, qdiskModule } from "../../../src/plugins/qdisk/index.js";
import { expectError } from "../../../src/testing/expect-error.js";
import { TestEvidence } from "../../../src/testing/index.js";
import { withLoopDevice } from "../../support/images/file-systems.js";
import { testFolder } from "../../support/images/folder.js";
import { whileHeld } from "../../support/images/holding-images.js";
import { diskOf, handlerOf, testContext } from "../../support/images/operations.js";
import { exec, guestWrites, qemuImages } from "../../support/images/qemu-images.js";

const MIB = 1024 * 1024;

describe("QdiskBackend", () => {
  const folder = testFolder();
  const backend = new QdiskBackend();
  const evidence = new TestEvidence();
  const handler = handlerOf(backend, evidence);
  /** Another process, which goes on with the same plan. */
  const successor = (other = new QdiskBackend()) => handlerOf(other, evidence);
  const qemuImg = new QemuImg();

  const ref = (name: string, format: ImageFormat = "qcow2"): ImageRef => ({
    path: folder.file(name),
    type: "file",
    format,
  });
  const make = (name: string, byte = 1, format: ImageFormat = "qcow2") =>
    qemuImages.makeImage(folder.file(name), format, Buffer.alloc(MIB, byte));
  async function makeOverlay(name: string, base: ImageRef, byte?: number): Promise<ImageRef> {
    const overlay = ref(name);
    await qemuImg.createOverlay(overlay, base);
    if (byte !== undefined) await guestWrites(overlay, byte, 0, "64k");
    return overlay;
  }
  const firstByte = async (image: ImageRef) => (await qemuImages.readImage(image))[0];
  const tagsOf = async (image: ImageRef) =>
    (await qemuImg.info(image)).snapshots.map(({ tag }) => tag);

  const internal = (target: string, image: ImageRef) =>
    ({ keeps: "inside", target, image }) as const;
  const snapshot = (...disks: SnapshotStep[]): OperationOf<"disks.snapshot"> => ({
    kind: "disks.snapshot",
    backend: "qdisk",
    snapshot: "s",
    disks,
  });
  const merge = (...disks: MergeStep[]): OperationOf<"disks.merge"> => ({
    kind: "disks.merge",
    backend: "qdisk",
    snapshot: "s",
    disks,
  });
  const mergeOf = (base: ImageRef, overlay: ImageRef, ...relink: ImageRef[]): MergeStep => ({
    target: "vda",
    into: "base",
    base,
    overlay,
    relink,
  });
  const discard = (...files: ImageRef[]): OperationOf<"disks.discard"> => ({
    kind: "disks.discard",
    backend: "qdisk",
    files,
  });

  it("is bound as a disk backend", () => {
    const container = new Container();
    container.load(qdiskModule);
    expect(container.get<DiskBackend>(DiskBackend)).to.be.instanceOf(QdiskBackend);
  });

  describe("says what it cannot do", () => {
    const wish = (partial: Partial<DiskWish> = {}): DiskWish => ({
      verb: "create",
      mode: "internal",
      live: false,
      ...partial,
    });

    for (const format of ["raw", "qed", "vmdk"] as const)
      it(`inside of a ${format} image, in libvirt's words`, async () => {
        const image = await make("a", 1, format);
        expect(await backend.assess(diskOf(image), wish())).to.deep.equal({
          possible: false,
          reason: `internal snapshot for disk vda unsupported for storage type ${format}`,
          remedy: "Ask for an external snapshot of this disk, or convert the image to qcow2.",
        });
        expect(await backend.assess(diskOf(image), wish({ mode: "external" }))).to.deep.equal({
          possible: true,
        });
      });

    it("to tapdisk's images", async () => {
      const image = await make("a");
      for (const disk of [diskOf(image, { driverName: "tap2" }), diskOf(image, { format: "vhd" })])
        expect(await backend.assess(disk, wish({ mode: "external" })))
          .to.have.property("reason")
          .that.includes("tapdisk");
    });

    it("in other overlay formats, in libvirt's words", async () => {
      const verdict = await backend.assess(
        diskOf(await make("a")),
        wish({ mode: "external", format: "vmdk" }),
      );
      expect(verdict).to.have.property(
        "reason",
        "external snapshot format for disk vda is unsupported: vmdk",
      );
    });

    it("to an image in use", async () => {
      const image = await make("a");
      await whileHeld(image, async () => {
        expect(await backend.assess(diskOf(image), wish())).to.deep.equal({
          possible: false,
          reason: `image '${image.path}' is in use by another program`,
          remedy: "Stop the program that has it open; 'fuser FILE' names it.",
        });
        await expectError(
          handler.run(snapshot(internal("vda", image)), testContext()),
          "image-in-use",
        );
        expect((await backend.inspect(image)).format).to.equal("qcow2");
      });
    });

    it("without qemu-img", async () => {
      const bare = new QdiskBackend({ qemuImg: new QemuImg("/nowhere/qemu-img") });
      expect(await bare.assess(diskOf(await make("a")), wish())).to.deep.equal({
        possible: false,
        reason: "program '/nowhere/qemu-img' was not found",
        remedy: "Install the package 'qemu-utils'.",
      });
    });

    it("to a hostile image", async () => {
      const image = await makeOverlay("top", await make("base"));
      await exec("qemu-img", "rebase", "-u", "-b", "nbd://192.0.2.1/x", "-F", "raw", image.path);
      const verdict = await backend.assess(diskOf(image), wish());
      expect(verdict).to.have.property("reason").that.includes("nbd://192.0.2.1/x");
      await expectError(
        handler.run(snapshot(internal("vda", image)), testContext()),
        "disk-unsupported",
      );
    });

    it("below overlays", async () => {
      const base = await make("base");
      const top = await makeOverlay("top", base);
      expect(await backend.assess(diskOf(base), wish({ verb: "revert" }))).to.have.property(
        "reason",
        `image '${top.path}' backs on image '${base.path}' and would be destroyed`,
      );
    });
  });

  describe("internal snapshots", () => {
    it("never touch an older snapshot of the same name", async () => {
      const [a, b] = [await make("a"), await make("b")];
      await qemuImg.createSnapshot(b, "s");
      await guestWrites(b, 2, 0, "64k");
      const operation = snapshot(internal("vda", a), internal("vdb", b));
      await expectError(
        handler.run(operation, testContext()),
        "image-conflict",
        `image '${b.path}' holds a snapshot 's' already`,
      );
      await handler.undo(operation);
      expect(await tagsOf(a)).to.deep.equal([]);
      expect(await tagsOf(b)).to.deep.equal(["s"]);
    });

    it("that could not be begun need nothing to be undone", async () => {
      const held = await make("held");
      const raw = await make("raw", 1, "raw");
      const bare = successor(new QdiskBackend({ qemuImg: new QemuImg("/nowhere/qemu-img") }));
      const operation = snapshot(internal("vda", held));
      await whileHeld(held, async () => {
        await expectError(handler.run(operation, testContext()), "image-in-use");
        await handler.undo(operation);
      });
      await expectError(bare.run(operation, testContext()), "tool-missing");
      await bare.undo(operation);
      const wrong = snapshot(internal("vda", held), internal("vdb", { ...raw, format: "qcow2" }));
      await expectError(handler.run(wrong, testContext()), "disk-unsupported");
      await handler.undo(wrong);
      expect(await tagsOf(held)).to.deep.equal([]);
    });

    it("refuse ambiguous names before anything is changed", async () => {
      const [a, b] = [await make("a"), await make("b")];
      await qemuImg.createSnapshot(a, "s");
      for (let count = 0; count < 2; count++) await qemuImg.createSnapshot(b, "s");
      await guestWrites(a, 9, 0, "64k");
      const common = {
        backend: "qdisk",
        snapshot: "s",
        disks: [internal("vda", a), internal("vdb", b)],
      };
      for (const kind of ["disks.stage", "disks.revert"] as const)
        await expectError(
          handler.run({ kind, ...common }, testContext()),
          "image-conflict",
          /holds 2 snapshots/,
        );
      expect(await firstByte(a)).to.equal(9);
      const remove = { kind: "disks.remove", ...common, disks: [internal("vdb", b)] } as const;
      await expectError(handler.run(remove, testContext()), "image-conflict");
      expect(await tagsOf(b)).to.deep.equal(["s", "s"]);
    });

    it("are applied by id, where a tag looks like another's id", async () => {
      const image = await make("a");
      await qemuImg.createSnapshot(image, "2");
      await guestWrites(image, 7, 0, "64k");
      await qemuImg.createSnapshot(image, "other");
      const disks = [internal("vda", image)];
      await handler.run(
        { kind: "disks.revert", backend: "qdisk", snapshot: "2", disks },
        testContext(),
      );
      expect(await firstByte(image)).to.equal(1);
    });

    it("are not reverted to below an overlay", async () => {
      const base = await make("base");
      await qemuImg.createSnapshot(base, "s");
      await makeOverlay("top", base);
      const disks = [internal("vda", base)];
      await expectError(
        handler.run({ kind: "disks.stage", backend: "qdisk", snapshot: "s", disks }, testContext()),
        "image-in-use",
      );
    });

    it("that are missing are told when they are removed", async () => {
      const context = testContext();
      const image = await make("a");
      const disks = [internal("vda", image), internal("vdb", ref("gone"))];
      const remove = { kind: "disks.remove", backend: "qdisk", snapshot: "s", disks } as const;
      await handler.run(remove, context);
      expect(context.warnings).to.deep.equal([
        `image '${image.path}' held no snapshot 's'`,
        `image '${folder.file("gone")}' of disk 'vdb' was gone already`,
      ]);
      expect(await handler.settle(remove)).to.equal("done");
    });
  });

  describe("overlays", () => {
    it("name image and format below, and belong to its owner", async () => {
      const base = await make("base, 'strange'", 1, "raw");
      await chown(base.path, 1234, 2345);
      const overlay = ref("top");
      const step = {
        keeps: "overlay",
        target: "vda",
        image: base,
        overlay,
        before: "absent",
      } as const;
      await handler.run(snapshot(step), testContext());
      expect((await readImageHeader(overlay.path))?.backing).to.deep.equal({
        name: base.path,
        format: "raw",
      });
      const { uid, gid, mode } = await stat(overlay.path);
      expect([uid, gid, (mode & 0o777).toString(8)]).to.deep.equal([1234, 2345, "600"]);
    });

    it("mix with internal snapshots in one group, and are taken back together", async () => {
      const [a, b] = [await make("a"), await make("b")];
      const step = {
        keeps: "overlay",
        target: "vda",
        image: a,
        overlay: ref("top"),
        before: "absent",
      } as const;
      const operation = snapshot(step, internal("vdb", b));
      await handler.run(operation, testContext());
      expect(await handler.settle(operation)).to.equal("done");
      await handler.undo(operation);
      expect((await readdir(folder.path)).sort()).to.deep.equal(["a", "b"]);
      expect(await tagsOf(b)).to.deep.equal([]);
    });

    it("that are to be reused must exist, and are trusted", async () => {
      const image = await make("base");
      const step = {
        keeps: "overlay",
        target: "vda",
        image,
        overlay: ref("top"),
        before: "reused",
      } as const;
      await expectError(
        handler.run(snapshot(step), testContext()),
        "image-missing",
        `missing existing file for disk vda: ${folder.file("top")}`,
      );
      await writeFile(folder.file("top"), "anything");
      await handler.run(snapshot(step), testContext());
      expect((await stat(folder.file("top"))).size).to.equal(8);
    });

    it("are made on block devices, above and below", async () => {
      await exec("truncate", "-s", "8M", folder.file("disk"), folder.file("other"));
      await withLoopDevice(folder.file("disk"), (below) =>
        withLoopDevice(folder.file("other"), async (above) => {
          const image: ImageRef = { path: below, type: "block", format: "raw" };
          const overlay: ImageRef = { path: above, type: "block", format: "qcow2" };
          const step = {
            keeps: "overlay",
            target: "vda",
            image,
            overlay,
            before: "empty",
          } as const;
          await handler.run(snapshot(step), testContext());
          expect(await handler.settle(snapshot(step))).to.equal("done");
          const info = await backend.inspect(overlay);
          expect(info.backing).to.deep.equal({ path: below, format: "raw" });
          expect(info.virtualSizeBytes).to.equal(8 * MIB);
          await handler.undo(snapshot(step));
          expect((await stat(above)).isBlockDevice()).to.equal(true);
        }),
      );
    });
  });

  describe("merging", () => {
    it("relinks siblings, so that every branch stays readable", async () => {
      const base = await make("base", 1, "raw");
      const overlay = await makeOverlay("overlay", base, 2);
      const one = await makeOverlay("one", overlay);
      const two = await makeOverlay("two", overlay, 4);
      const operation = merge(mergeOf(base, overlay, one, two));
      const context = testContext();
      await handler.run(operation, context);
      expect([await firstByte(base), await firstByte(one), await firstByte(two)]).to.deep.equal([
        2, 2, 4,
      ]);
      expect((await readImageHeader(two.path))?.backing).to.deep.equal({
        name: base.path,
        format: "raw",
      });
      expect(await successor().settle(operation)).to.equal("done");
      await handler.run(discard(overlay), context);
      expect((await readdir(folder.path)).sort()).to.deep.equal(["base", "one", "two"]);
      await handler.run(operation, context);
      expect(await successor().settle(operation)).to.equal("done");
      expect(context.warnings).to.deep.equal([]);
      expect([...context.subjects]).to.deep.equal(["vda"]);
    });

    it("goes on from every point of a crash", async () => {
      const base = await make("base");
      const overlay = await makeOverlay("overlay", base, 2);
      const above = await makeOverlay("above", overlay, 3);
      await guestWrites(above, 3, 128 * 1024, "64k");
      const step = mergeOf(base, overlay, above);
      expect(await successor().settle(merge(step))).to.equal("not-done");
      // Half of the data is written down.
      await guestWrites(base, 2, 0, "32k");
      expect(await successor().settle(merge(step))).to.equal("not-done");
      // All of it, but nothing is relinked.
      await qemuImg.commit(overlay);
      expect(await successor().settle(merge(step))).to.equal("not-done");
      await successor().run(merge(step), testContext());
      expect(await successor().settle(merge(step))).to.equal("done");
      await successor().run(merge(step), testContext());
      expect([await firstByte(base), await firstByte(above)]).to.deep.equal([2, 3]);
    });

    it("grows an image that is smaller than its overlay", async () => {
      for (const format of ["raw", "qcow2"] as const) {
        const base = await make(`base.${format}`, 1, format);
        const overlay = await makeOverlay(`overlay.${format}`, base);
        await exec("qemu-img", "resize", "-q", "-f", "qcow2", overlay.path, "4M");
        await guestWrites(overlay, 5, 3 * MIB, "1M");
        await handler.run(merge(mergeOf(base, overlay)), testContext());
        expect((await qemuImg.info(base)).virtualSizeBytes).to.equal(4 * MIB);
        expect((await qemuImages.readImage(base)).at(-1)).to.equal(5);
      }
    });

    it("refuses to destroy another branch", async () => {
      const base = await make("base");
      const overlay = await makeOverlay("overlay", base, 2);
      const branch = await makeOverlay("branch", base, 3);
      await expectError(
        handler.run(merge(mergeOf(base, overlay)), testContext()),
        "image-in-use",
        `image '${branch.path}' backs on image '${base.path}' and would be destroyed`,
      );
      expect(await firstByte(base)).to.equal(1);
    });

    it("refuses an overlay of something else", async () => {
      const [base, other] = [await make("base"), await make("other")];
      const overlay = await makeOverlay("overlay", other);
      await expectError(
        handler.run(merge(mergeOf(base, overlay)), testContext()),
        "image-conflict",
      );
    });

    it("refuses while an image is in use, and changes nothing", async () => {
      const base = await make("base");
      const overlay = await makeOverlay("overlay", base, 2);
      const operation = merge(mergeOf(base, overlay));
      await whileHeld(overlay, () =>
        expectError(handler.run(operation, testContext()), "image-in-use"),
      );
      expect(await firstByte(base)).to.equal(1);
    });
  });

  describe("discarding", () => {
    it("leaves what something backs on, or what holds snapshots, and tells so", async () => {
      const base = await make("base");
      await makeOverlay("top", base);
      const holder = await make("holder");
      await qemuImg.createSnapshot(holder, "s");
      const free = await make("free");
      const context = testContext();
      const operation = discard(base, holder, free, ref("gone"));
      await handler.run(operation, context);
      expect(context.warnings).to.deep.equal([
        `file '${base.path}' is left: '${folder.file("top")}' backs on it`,
        `file '${holder.path}' is left: it holds internal snapshots`,
      ]);
      expect(await handler.settle(operation)).to.equal("done");
      expect((await readdir(folder.path)).sort()).to.deep.equal(["base", "holder", "top"]);
    });

    it("asks the folders that it was given, too", async () => {
      const base = await make("base");
      await exec("mkdir", folder.file("elsewhere"));
      await makeOverlay("elsewhere/top", base);
      const wide = new QdiskBackend({ imageFolders: [folder.file("elsewhere")] });
      expect(await wide.findDependents(base)).to.deep.equal([folder.file("elsewhere/top")]);
      expect(await backend.findDependents(base, [folder.file("elsewhere/top")])).to.have.length(1);
      const context = testContext();
      await successor(wide).run(discard(base), context);
      expect(context.warnings).to.have.length(1);
    });
  });
});
