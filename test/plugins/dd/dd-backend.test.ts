import { randomBytes } from "node:crypto";
import {
  chmod,
  chown,
  link,
  mkdir,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";

import { expect } from "chai";
import { Container } from "inversify";

import type {
  ImageRef,
  OperationOf,
  RevertStep,
  SnapshotStep,
} from "../../../src/core/model/index.js";
import { DiskBackend, type DiskWish } from "../../../src/core/ports/index.js";
import { DdBackend, ddModule } from "../../../src/plugins/dd/index.js";
import { identifyFile } from "../../../src/host/file-identity.js";
import { expectError } from "../../../src/testing/expect-error.js";
import { TestEvidence } from "../../../src/testing/index.js";
import { attributesOf, giveAttributes } from "../../support/images/attributes.js";
import {
  withLoopDevice,
  withReflinkFolder,
  withSmallFolder,
} from "../../support/images/file-systems.js";
import { testFolder } from "../../support/images/folder.js";
import { diskOf, handlerOf, testContext } from "../../support/images/operations.js";
import { exec } from "../../support/images/qemu-images.js";

const MIB = 1024 * 1024;

describe("DdBackend", () => {
  const folder = testFolder();
  const backend = new DdBackend();
  const evidence = new TestEvidence();
  const handler = handlerOf(backend, evidence);
  /** Another process, which goes on with the same plan. */
  const successor = () => handlerOf(new DdBackend(), evidence);
  const partialOf = (name: string) => folder.file(`${name}.domsnap-partial-${evidence.token}`);

  const raw = (path: string): ImageRef => ({ path, type: "file", format: "raw" });
  const device = (path: string): ImageRef => ({ path, type: "block", format: "raw" });

  async function makeImage(path: string, content = randomBytes(MIB)): Promise<ImageRef> {
    await writeFile(path, content);
    return raw(path);
  }

  const stepOf = (target: string, image: ImageRef, copy: ImageRef) =>
    ({ keeps: "copy", target, image, copy, before: "absent" }) as const;

  const freeze = (...disks: SnapshotStep[]): OperationOf<"disks.snapshot"> =>
    ({ kind: "disks.snapshot", backend: "dd", snapshot: "s", disks }) as const;

  const revertOf = (image: ImageRef, copy: ImageRef) => {
    const disks: RevertStep[] = [{ keeps: "copy", target: "vda", image, copy }];
    const common = { backend: "dd", snapshot: "s", disks };
    return {
      stage: { kind: "disks.stage", ...common },
      revert: { kind: "disks.revert", ...common },
    } as const;
  };

  const wishTo = (verb: DiskWish["verb"]): DiskWish => ({ verb, mode: "external", live: false });

  it("is bound as a disk backend", () => {
    const container = new Container();
    container.load(ddModule);
    expect(container.get<DiskBackend>(DiskBackend)).to.be.instanceOf(DdBackend);
  });

  describe("says what it cannot do", () => {
    const wish = (partial: Partial<DiskWish> = {}): DiskWish => ({
      verb: "create",
      mode: "external",
      live: false,
      ...partial,
    });

    it("to a running guest, a read-only disk, and a disk elsewhere", async () => {
      const image = await makeImage(folder.file("a"));
      expect(await backend.assess(diskOf(image), wish({ live: true }))).to.deep.equal({
        possible: false,
        reason: "disk 'vda' is in use by the running guest",
        remedy: "Shut the guest down first.",
      });
      expect(await backend.assess(diskOf(image, { readonly: true }), wish())).to.deep.equal({
        possible: false,
        reason: "disk 'vda' is read-only",
        remedy: "Leave it out with snapshot='no'.",
      });
      const remote = diskOf(image, { type: "network", source: { protocol: "nbd" } });
      expect(await backend.assess(remote, wish())).to.have.property(
        "reason",
        "can't manipulate inactive snapshots of disk 'vda': its type is 'network'",
      );
    });

    it("inside of an image, and to other formats", async () => {
      const image = await makeImage(folder.file("a"));
      expect(await backend.assess(diskOf(image), wish({ mode: "internal" }))).to.have.property(
        "reason",
        "internal snapshot for disk vda unsupported for storage type raw",
      );
      const qcow2 = diskOf(image, { format: "qcow2" });
      expect(await backend.assess(qcow2, wish())).to.include({ possible: false });
      expect(await backend.assess(diskOf(image), wish({ format: "qcow2" }))).to.include({
        possible: false,
      });
    });

    it("to an image that another backs on", async () => {
      const image = await makeImage(folder.file("base"));
      await exec(
        "qemu-img",
        "create",
        "-q",
        "-f",
        "qcow2",
        "-b",
        image.path,
        "-F",
        "raw",
        folder.file("top"),
      );
      const verdict = await backend.assess(diskOf(image), wish({ verb: "revert" }));
      expect(verdict).to.have.property(
        "reason",
        `image '${folder.file("top")}' backs on image '${image.path}' and would be destroyed`,
      );
      const step: RevertStep = {
        keeps: "copy",
        target: "vda",
        image,
        copy: await makeImage(folder.file("copy")),
      };
      await expectError(
        handler.run(
          { kind: "disks.stage", backend: "dd", snapshot: "s", disks: [step] },
          testContext(),
        ),
        "image-in-use",
      );
    });
  });

  it("keeps a sparse image sparse", async () => {
    const image = raw(folder.file("sparse"));
    await exec("truncate", "-s", "1G", image.path);
    await exec(
      "dd",
      "if=/dev/urandom",
      `of=${image.path}`,
      "bs=1M",
      "seek=500",
      "count=1",
      "conv=notrunc",
      "status=none",
    );
    const context = testContext();
    await handler.run(freeze(stepOf("vda", image, raw(folder.file("copy")))), context);
    const [one, other] = [await stat(image.path), await stat(folder.file("copy"))];
    expect(other.size).to.equal(one.size);
    expect(other.blocks).to.be.at.most(one.blocks);
    expect([...context.subjects]).to.deep.equal(["vda"]);
  });

  it("shares blocks where it can, so that a full file system is no obstacle", async () => {
    await withReflinkFolder(folder.path, async (mounted) => {
      const free = Number(await exec("stat", "-f", "-c", "%a", mounted)) * 4096;
      const image = await makeImage(`${mounted}/image`, randomBytes(Math.round(free * 0.6)));
      const operation = freeze(stepOf("vda", image, raw(`${mounted}/copy`)));
      await handler.run(operation, testContext());
      expect((await stat(`${mounted}/copy`)).size).to.equal((await stat(image.path)).size);
      expect(await handler.settle(operation, testContext())).to.equal("done");
    });
  });

  it("finds out that a group does not fit before it copies anything", async () => {
    const [a, b] = [await makeImage(folder.file("a")), await makeImage(folder.file("b"))];
    await withSmallFolder(folder.path, 1.5 * MIB, async (mounted) => {
      const operation = freeze(
        stepOf("vda", a, raw(`${mounted}/a`)),
        stepOf("vdb", b, raw(`${mounted}/b`)),
      );
      const context = testContext();
      const error = await expectError(handler.run(operation, context), "no-space");
      expect(error.detail).to.match(/: 2097152 bytes needed, 1572864 bytes available$/);
      expect([...context.subjects]).to.deep.equal([]);
      expect(await readdir(mounted)).to.deep.equal([]);
    });
  });

  it("leaves nothing when it is cancelled in the middle of a copy", async () => {
    const image = await makeImage(folder.file("image"), randomBytes(256 * MIB));
    const controller = new AbortController();
    const context = testContext(controller.signal);
    const running = handler.run(freeze(stepOf("vda", image, raw(folder.file("copy")))), context);
    const partial = partialOf("copy");
    const watch = setInterval(() => {
      void stat(partial).then(
        ({ size }) => size > 0 && controller.abort(),
        () => undefined,
      );
    }, 2);
    await expectError(running, "cancelled");
    clearInterval(watch);
    expect(await readdir(folder.path)).to.deep.equal(["image"]);
  });

  it("notices that the image changes while it is copied", async () => {
    const image = await makeImage(folder.file("image"), randomBytes(128 * MIB));
    const running = handler.run(
      freeze(stepOf("vda", image, raw(folder.file("copy")))),
      testContext(),
    );
    const partial = partialOf("copy");
    for (let size = 0; size === 0;)
      size = await stat(partial).then(
        (stats) => stats.size,
        () => 0,
      );
    await exec(
      "dd",
      "if=/dev/zero",
      `of=${image.path}`,
      "bs=1",
      "count=1",
      "conv=notrunc",
      "status=none",
    );
    await expectError(
      running,
      "operation-failed",
      `image '${image.path}' changed while it was copied`,
    );
    expect(await readdir(folder.path)).to.deep.equal(["image"]);
  });

  it("removes what a killed process left", async () => {
    const image = await makeImage(folder.file("image"));
    for (const name of ["one", "other"]) {
      const operation = freeze(stepOf("vda", image, raw(folder.file(name))));
      // The second was killed before it could tell what it had just made.
      await writeFile(partialOf(name), name === "one" ? "half of a copy" : "");
      if (name === "one")
        await evidence.record(folder.file(name), (await identifyFile(partialOf(name)))!);
      await successor().run(operation, testContext());
      expect((await readFile(folder.file(name))).equals(await readFile(image.path))).to.equal(true);
    }
    expect((await readdir(folder.path)).sort()).to.deep.equal(["image", "one", "other"]);
  });

  it("follows no link planted in the place of what it makes, and replaces no file there", async () => {
    const image = await makeImage(folder.file("image"));
    await writeFile(folder.file("victim"), "precious");
    const plants = [
      () => symlink("victim", partialOf("copy")),
      () => writeFile(partialOf("copy"), "somebody's"),
    ];
    for (const plant of plants) {
      await plant();
      const operation = freeze(stepOf("vda", image, raw(folder.file("copy"))));
      await expectError(handler.run(operation, testContext()), "system-error", /File exists$/);
      await handler.undo(operation);
      const left = ["image", "victim", `copy.domsnap-partial-${evidence.token}`];
      expect(await readdir(folder.path)).to.have.members(left);
      expect(await readFile(folder.file("victim"), "utf8")).to.equal("precious");
      await rm(partialOf("copy"));
    }
  });

  it("undoes a copy that was killed half-way, and leaves a file that has its name since", async () => {
    const image = await makeImage(folder.file("image"));
    const copy = raw(folder.file("copy"));
    const operation = freeze(stepOf("vda", image, copy));
    await writeFile(partialOf("copy"), "half of a copy");
    await evidence.record(copy.path, (await identifyFile(partialOf("copy")))!);
    await writeFile(copy.path, "somebody's");
    expect(await successor().settle(operation)).to.equal("not-done");
    await successor().undo(operation);
    expect((await readdir(folder.path)).sort()).to.deep.equal(["copy", "image"]);
    expect(await readFile(copy.path, "utf8")).to.equal("somebody's");
  });

  it("never replaces what appears in the place of a copy, nor takes it away", async () => {
    const [a, b] = [await makeImage(folder.file("a")), await makeImage(folder.file("b"))];
    await symlink("nowhere", folder.file("b.copy"));
    const operation = freeze(
      stepOf("vda", a, raw(folder.file("a.copy"))),
      stepOf("vdb", b, raw(folder.file("b.copy"))),
    );
    await expectError(handler.run(operation, testContext()), "image-conflict");
    await handler.undo(operation);
    expect((await readdir(folder.path)).sort()).to.deep.equal(["a", "b", "b.copy"]);
  });

  it("has nothing to undo for a name that is too long, or an image that is gone", async () => {
    const image = await makeImage(folder.file("image"));
    const tooLong = freeze(stepOf("vda", image, raw(folder.file("x".repeat(255)))));
    await expectError(handler.run(tooLong, testContext()), "system-error", /File name too long$/);
    await handler.undo(tooLong);
    const { stage } = revertOf(raw(folder.file("gone")), image);
    await expectError(handler.run(stage, testContext()), "image-missing");
    await handler.undo(stage);
    expect(await readdir(folder.path)).to.deep.equal(["image"]);
  });

  it("gives copies to the owner of the image, and nobody else", async () => {
    const image = await makeImage(folder.file("image"));
    await chown(image.path, 1234, 2345);
    await chmod(image.path, 0o664);
    await handler.run(freeze(stepOf("vda", image, raw(folder.file("copy")))), testContext());
    const { uid, gid, mode } = await stat(folder.file("copy"));
    expect([uid, gid, (mode & 0o777).toString(8)]).to.deep.equal([1234, 2345, "600"]);
  });

  it("keeps lists of who may use the image, and what is noted with it", async () => {
    const image = await makeImage(folder.file("image"));
    giveAttributes(image.path);
    const before = attributesOf(image.path);
    const { stage, revert } = revertOf(image, await makeImage(folder.file("copy")));
    await handler.run(stage, testContext());
    await handler.run(revert, testContext());
    expect((await readFile(image.path)).equals(await readFile(folder.file("copy")))).to.equal(true);
    expect(attributesOf(image.path)).to.equal(before);
    expect(before).to.include("user:4321:rw-").and.include("user.note").and.include("1234:2345");
  });

  it("puts a state back behind a link, with the owner and mode of the image", async () => {
    await mkdir(folder.file("real"));
    const image = await makeImage(folder.file("real/image"));
    await symlink("real/image", folder.file("link"));
    await chown(image.path, 1234, 2345);
    await chmod(image.path, 0o660);
    const copy = await makeImage(folder.file("copy"), randomBytes(2 * MIB));
    const { stage, revert } = revertOf(raw(folder.file("link")), copy);
    await handler.run(stage, testContext());
    await handler.run(revert, testContext());
    expect((await readFile(image.path)).equals(await readFile(copy.path))).to.equal(true);
    const { uid, gid, mode } = await stat(image.path);
    expect([uid, gid, (mode & 0o777).toString(8)]).to.deep.equal([1234, 2345, "660"]);
    expect((await readdir(folder.path)).sort()).to.deep.equal(["copy", "link", "real"]);
    expect(await readdir(folder.file("real"))).to.deep.equal(["image"]);
  });

  it("never has only half a state under the image's name", async () => {
    const image = await makeImage(folder.file("image"));
    const copy = await makeImage(folder.file("copy"));
    const before = await readFile(image.path);
    const { stage, revert } = revertOf(image, copy);
    await handler.run(stage, testContext());
    await link(image.path, folder.file("witness"));
    await handler.run(revert, testContext());
    // The old image was not written to: another name of it still shows the old content.
    expect((await readFile(folder.file("witness"))).equals(before)).to.equal(true);
  });

  it("leaves an image with two names alone, and says so beforehand", async () => {
    const image = await makeImage(folder.file("image"));
    const copy = await makeImage(folder.file("copy"));
    await link(image.path, folder.file("other"));
    const { stage } = revertOf(image, copy);
    await expectError(handler.run(stage, testContext()), "image-conflict", /has 2 names/);
    expect(await backend.assess(diskOf(image), wishTo("revert"))).to.have.property(
      "possible",
      false,
    );
    expect(await backend.assess(diskOf(image), wishTo("create"))).to.have.property(
      "possible",
      true,
    );
  });

  it("freezes, reverts and keeps block devices", async () => {
    const content = randomBytes(4 * MIB);
    await makeImage(folder.file("disk"), content);
    await withLoopDevice(folder.file("disk"), async (path) => {
      const copy = raw(folder.file("copy"));
      const freezing = freeze(stepOf("vda", device(path), copy));
      await handler.run(freezing, testContext());
      expect((await readFile(copy.path)).equals(content)).to.equal(true);
      await exec(
        "dd",
        "if=/dev/urandom",
        `of=${path}`,
        "bs=1M",
        "count=2",
        "conv=notrunc,fsync",
        "status=none",
      );
      const { stage, revert } = revertOf(device(path), copy);
      await handler.run(stage, testContext());
      expect(await successor().settle(revert, testContext())).to.equal("not-done");
      await handler.run(revert, testContext());
      await handler.run(revert, testContext());
      expect(await successor().settle(revert, testContext())).to.equal("done");
      expect((await readFile(path)).equals(content)).to.equal(true);
    });
  });

  it("freezes into a block device, which undo and remove leave alone", async () => {
    const image = await makeImage(folder.file("image"));
    await makeImage(folder.file("disk"), randomBytes(2 * MIB));
    await withLoopDevice(folder.file("disk"), async (path) => {
      const step = { ...stepOf("vda", image, device(path)), before: "empty" } as const;
      await handler.run(freeze(step), testContext());
      expect(await successor().settle(freeze(step), testContext())).to.equal("done");
      await handler.undo(freeze(step));
      const context = testContext();
      const remove = { kind: "disks.remove", backend: "dd", snapshot: "s", disks: [step] } as const;
      await handler.run(remove, context);
      expect(await handler.settle(remove, context)).to.equal("done");
      expect(context.warnings).to.deep.equal([`file '${path}' is left: it is a device`]);
      expect((await stat(path)).isBlockDevice()).to.equal(true);
    });
  });

  it("removes nothing but the copy", async () => {
    const image = await makeImage(folder.file("image"));
    const remove = (copy: ImageRef) =>
      ({
        kind: "disks.remove",
        backend: "dd",
        snapshot: "s",
        disks: [{ keeps: "copy", target: "vda", image, copy }],
      }) as const;
    await symlink("image", folder.file("alias"));
    await expectError(
      handler.run(remove(raw(folder.file("alias"))), testContext()),
      "internal-error",
    );
    const context = testContext();
    await handler.run(remove(raw(folder.file("gone"))), context);
    expect(context.warnings).to.deep.equal([
      `the copy '${folder.file("gone")}' of disk 'vda' was gone already`,
    ]);
    expect((await readdir(folder.path)).sort()).to.deep.equal(["alias", "image"]);
  });

  it("has no overlays to merge", () => {
    expect(backend.operations).to.have.all.keys(
      "disks.snapshot",
      "disks.stage",
      "disks.revert",
      "disks.remove",
      "disks.discard",
    );
  });
});
