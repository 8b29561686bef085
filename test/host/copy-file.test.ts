import { randomBytes } from "node:crypto";
import { open, readFile, stat, writeFile } from "node:fs/promises";

import { expect } from "chai";

import {
  assertUnchanged,
  cloneFile,
  copyOntoDevice,
  copySparsely,
  readCopySource,
} from "../../src/host/copy-file.js";
import { createExclusively } from "../../src/host/durable-files.js";
import { startsWithContent } from "../../src/host/same-content.js";
import { expectError } from "../../src/testing/expect-error.js";
import {
  withLoopDevice,
  withReflinkFolder,
  withSmallFolder,
} from "../support/images/file-systems.js";
import { testFolder } from "../support/images/folder.js";
import { exec } from "../support/images/qemu-images.js";

const MIB = 1024 * 1024;

/** Data at the beginning, in the middle and at the end, holes between, and zeroes that are written. */
async function makeSparse(path: string, sizeBytes = 64 * MIB): Promise<void> {
  const file = await open(path, "w");
  await file.truncate(sizeBytes);
  for (const offset of [0, sizeBytes / 2, sizeBytes - MIB])
    await file.write(randomBytes(MIB), 0, MIB, offset);
  await file.write(Buffer.alloc(MIB), 0, MIB, 4 * MIB);
  await file.close();
}

describe("copying files", () => {
  const folder = testFolder();
  const source = () => folder.file("source with 'strange' name");
  const target = () => folder.file("-target");

  it("copies content, keeps holes, and takes no more room than the source", async () => {
    await makeSparse(source());
    await createExclusively(target());
    const original = await readCopySource(source());
    await copySparsely(original, target());
    const copy = await readCopySource(target());
    expect(copy.sizeBytes).to.equal(64 * MIB);
    expect(copy.allocatedBytes).to.be.at.most(original.allocatedBytes);
    expect(await startsWithContent(target(), original)).to.equal(true);
    expect(copy.mode).to.equal(0o600);
    expect(copy.modifiedNs).to.equal(original.modifiedNs);
  });

  it("copies a file that ends in a hole, an empty one, and one of odd length", async () => {
    for (const [name, make] of [
      ["hole", () => exec("truncate", "-s", "5M", folder.file("hole"))],
      ["empty", () => writeFile(folder.file("empty"), "")],
      ["odd", () => writeFile(folder.file("odd"), randomBytes(70_001))],
    ] as const) {
      await make();
      await createExclusively(folder.file(`${name}.copy`));
      await copySparsely(await readCopySource(folder.file(name)), folder.file(`${name}.copy`));
      const [one, other] = [
        await readFile(folder.file(name)),
        await readFile(folder.file(`${name}.copy`)),
      ];
      expect(one.equals(other), name).to.equal(true);
    }
  });

  it("cannot clone where the file system does not share blocks, and leaves the target", async () => {
    await withSmallFolder(folder.path, 4 * MIB, async (mounted) => {
      await writeFile(`${mounted}/source`, "content");
      await createExclusively(`${mounted}/target`);
      const original = await readCopySource(`${mounted}/source`);
      expect(await cloneFile(original, `${mounted}/target`)).to.equal(false);
      expect((await stat(`${mounted}/target`)).size).to.equal(0);
    });
  });

  it("clones on xfs, private and without taking room", async () => {
    await withReflinkFolder(folder.path, async (mounted) => {
      await writeFile(`${mounted}/source`, randomBytes(20 * MIB), { mode: 0o644 });
      await createExclusively(`${mounted}/target`);
      const original = await readCopySource(`${mounted}/source`);
      const freeBefore = await exec("stat", "-f", "-c", "%f", mounted);
      expect(await cloneFile(original, `${mounted}/target`)).to.equal(true);
      const freeAfter = await exec("stat", "-f", "-c", "%f", mounted);
      expect(Number(freeBefore) - Number(freeAfter)).to.be.below(100);
      expect((await readCopySource(`${mounted}/target`)).mode).to.equal(0o600);
      expect(await startsWithContent(`${mounted}/target`, original)).to.equal(true);
    });
  });

  it("tells the numbers when the file system is full", async () => {
    await writeFile(source(), randomBytes(8 * MIB));
    await withSmallFolder(folder.path, 4 * MIB, async (mounted) => {
      await createExclusively(`${mounted}/target`);
      const original = await readCopySource(source());
      await expectError(
        copySparsely(original, `${mounted}/target`),
        "no-space",
        `not enough space for '${mounted}/target': ${original.allocatedBytes} bytes needed, ${4 * MIB} bytes available`,
      );
    });
  });

  it("stops in the middle", async () => {
    await writeFile(source(), randomBytes(256 * MIB));
    await createExclusively(target());
    const controller = new AbortController();
    const copying = copySparsely(await readCopySource(source()), target(), {
      signal: controller.signal,
    });
    const watch = setInterval(() => {
      void stat(target()).then(({ size }) => size > 0 && controller.abort());
    }, 2);
    await expectError(copying, "cancelled");
    clearInterval(watch);
    expect((await stat(target())).size).to.be.below(256 * MIB);
  });

  it("reports progress up to the end", async () => {
    await makeSparse(source());
    await createExclusively(target());
    const original = await readCopySource(source());
    const seen: number[] = [];
    await copySparsely(original, target(), {
      onProgress: ({ bytesDone, bytesTotal }) => {
        expect(bytesTotal).to.equal(original.allocatedBytes);
        seen.push(bytesDone);
      },
    });
    expect(seen.at(-1)).to.equal(original.allocatedBytes);
  });

  it("writes onto a block device in place, zeroes too", async () => {
    await makeSparse(source(), 16 * MIB);
    await writeFile(folder.file("disk"), randomBytes(20 * MIB));
    await withLoopDevice(folder.file("disk"), async (device) => {
      const original = await readCopySource(source());
      const to = await readCopySource(device);
      expect(to).to.include({ type: "block", sizeBytes: 20 * MIB });
      const seen: number[] = [];
      await copyOntoDevice(original, to, { onProgress: ({ bytesDone }) => seen.push(bytesDone) });
      expect(seen.at(-1)).to.equal(original.sizeBytes);
      expect(await startsWithContent(device, original)).to.equal(true);
      await createExclusively(target());
      await copySparsely(to, target());
      expect((await stat(target())).size).to.equal(20 * MIB);
    });
  });

  it("does not begin to write onto a device that is too small", async () => {
    await makeSparse(source(), 16 * MIB);
    const content = randomBytes(MIB);
    await writeFile(folder.file("disk"), content);
    await withLoopDevice(folder.file("disk"), async (device) => {
      const [from, to] = [await readCopySource(source()), await readCopySource(device)];
      await expectError(
        copyOntoDevice(from, to),
        "no-space",
        `not enough space for '${device}': ${16 * MIB} bytes needed, ${MIB} bytes available`,
      );
    });
    expect(content.equals(await readFile(folder.file("disk")))).to.equal(true);
  });

  it("notices that the source was written to or replaced", async () => {
    await makeSparse(source());
    const before = await readCopySource(source());
    await assertUnchanged(before);
    await exec(
      "dd",
      "if=/dev/zero",
      `of=${source()}`,
      "bs=1",
      "count=1",
      "conv=notrunc",
      "status=none",
    );
    await expectError(
      assertUnchanged(before),
      "operation-failed",
      `image '${source()}' changed while it was copied`,
    );
  });

  it("takes neither folders nor character devices for images", async () => {
    await expectError(readCopySource(folder.path), "image-missing");
    await expectError(readCopySource("/dev/zero"), "image-missing");
    await expectError(
      readCopySource(folder.file("gone")),
      "image-missing",
      `cannot access image '${folder.file("gone")}': No such file or directory`,
    );
  });
});

describe("startsWithContent", () => {
  const folder = testFolder();

  it("compares to the last byte", async () => {
    const content = randomBytes(2 * MIB + 1);
    await writeFile(folder.file("one"), content);
    const one = { path: folder.file("one"), sizeBytes: content.length };
    await writeFile(folder.file("longer"), Buffer.concat([content, content]));
    expect(await startsWithContent(folder.file("longer"), one)).to.equal(true);
    await writeFile(folder.file("shorter"), content.subarray(1));
    expect(await startsWithContent(folder.file("shorter"), one)).to.equal(false);
    content[content.length - 1] = (content.at(-1) ?? 0) ^ 1;
    await writeFile(folder.file("other"), content);
    expect(await startsWithContent(folder.file("other"), one)).to.equal(false);
    await expectError(
      startsWithContent(folder.file("longer"), one, AbortSignal.abort()),
      "cancelled",
    );
  });
});
