import { mkdir, open, symlink } from "node:fs/promises";

import { expect } from "chai";

import { assertSafeChain, findBackedBy } from "../../src/qemu-images/backing-chain.js";
import { expectError } from "../../src/testing/expect-error.js";
import { testFolder } from "../support/images/folder.js";
import { exec } from "../support/images/qemu-images.js";

describe("backing chains", () => {
  const folder = testFolder();
  const qcow2 = (name: string) => ({ path: folder.file(name), format: "qcow2" }) as const;

  const create = (name: string, ...args: string[]) =>
    exec("qemu-img", "create", "-q", "-f", "qcow2", ...args, folder.file(name), "1M");
  /** Whatever stands in the header: qemu-img does not look at it. */
  const createOn = (name: string, backing: string, format?: string) =>
    create(name, "-u", "-b", backing, ...(format === undefined ? [] : ["-F", format]));

  describe("assertSafeChain", () => {
    it("accepts local images of told formats", async () => {
      await exec("truncate", "-s", "1M", folder.file("base"));
      await createOn("middle", folder.file("base"), "raw");
      await createOn("top", "middle", "qcow2");
      await assertSafeChain(qcow2("top"));
      await assertSafeChain({ path: folder.file("base"), format: "raw" });
    });

    for (const backing of [
      "nbd://192.0.2.1/x",
      "https://example.org/x.qcow2",
      'json:{"driver":"file","filename":"/etc/passwd"}',
      "file:/etc/passwd",
      "fat:rw:/etc",
    ])
      it(`refuses a backing file ${backing}`, async () => {
        await exec("truncate", "-s", "1M", folder.file("base"));
        await createOn("top", folder.file("base"), "raw");
        await exec("qemu-img", "rebase", "-u", "-b", backing, "-F", "raw", folder.file("top"));
        const error = await expectError(assertSafeChain(qcow2("top")), "disk-unsupported");
        expect(error.detail).to.include(backing);
      });

    it("refuses to let QEMU guess the format of a backing file", async () => {
      await create("base");
      await create("top");
      await nameBacking(folder.file("top"), "base");
      await expectError(
        assertSafeChain(qcow2("top")),
        "disk-unsupported",
        `format of backing image '${folder.file("base")}' of image '${folder.file("top")}' was not specified in the image metadata`,
      );
    });

    it("refuses a data file", async () => {
      await create("top", "-o", `data_file=${folder.file("data")}`);
      await expectError(assertSafeChain(qcow2("top")), "disk-unsupported", /in another file/);
    });

    it("refuses a loop, also through links", async () => {
      await createOn("one", "two", "qcow2");
      await createOn("two", "link", "qcow2");
      await symlink("one", folder.file("link"));
      await expectError(assertSafeChain(qcow2("one")), "disk-unsupported", /loop/);
    });

    it("refuses an image of another format than told", async () => {
      await exec("truncate", "-s", "1M", folder.file("raw"));
      await expectError(assertSafeChain(qcow2("raw")), "disk-unsupported", /not a qcow2 image/);
    });

    it("tells the image that is missing", async () => {
      await createOn("top", folder.file("gone"), "raw");
      await expectError(
        assertSafeChain(qcow2("top")),
        "image-missing",
        `cannot access image '${folder.file("gone")}': No such file or directory`,
      );
    });
  });

  describe("findBackedBy", () => {
    it("finds names of all kinds, and nothing else", async () => {
      await create("base");
      await symlink("base", folder.file("link"));
      const json = { driver: "qcow2", file: { driver: "file", filename: folder.file("base") } };
      await createOn("absolute", folder.file("base"), "qcow2");
      await createOn("relative", "base", "qcow2");
      await createOn("through-link", "link", "qcow2");
      await createOn("file-name", "base", "qcow2");
      await exec(
        "qemu-img",
        "rebase",
        "-u",
        "-b",
        `file:${folder.file("base")}`,
        "-F",
        "qcow2",
        folder.file("file-name"),
      );
      await createOn("json", "base", "qcow2");
      await exec(
        "qemu-img",
        "rebase",
        "-u",
        "-b",
        `json:${JSON.stringify(json)}`,
        "-F",
        "qcow2",
        folder.file("json"),
      );
      await createOn("other", "absolute", "qcow2");
      await exec("mkfifo", folder.file("fifo"));
      const expected = ["absolute", "file-name", "json", "relative", "through-link"];
      expect(await findBackedBy(folder.file("base"))).to.deep.equal(expected.map(folder.file));
    });

    it("looks into the folder of a link's target, given folders, and at candidates", async () => {
      for (const name of ["images", "links", "more", "far"]) await mkdir(folder.file(name));
      await create("images/base");
      await symlink(folder.file("images/base"), folder.file("links/base"));
      const places = ["images/near", "links/near", "more/one", "far/one"];
      for (const name of places) await createOn(name, folder.file("images/base"), "qcow2");
      const base = folder.file("links/base");
      expect(await findBackedBy(base)).to.deep.equal([
        folder.file("images/near"),
        folder.file("links/near"),
      ]);
      expect(
        await findBackedBy(
          base,
          [folder.file("more")],
          [folder.file("far/one"), folder.file("nowhere")],
        ),
      ).to.have.members(places.map(folder.file));
    });

    it("is not misled by a raw disk into which a guest wrote its own name", async () => {
      await createOn("disk", "disk", "raw");
      expect(await findBackedBy(folder.file("disk"))).to.deep.equal([]);
    });

    it("knows what backs on an image that is gone", async () => {
      await createOn("top", folder.file("gone"), "qcow2");
      expect(await findBackedBy(folder.file("gone"))).to.deep.equal([folder.file("top")]);
    });
  });
});

/** Writes a backing file name, and no format, into the header of a qcow2 image without one. */
async function nameBacking(path: string, backing: string): Promise<void> {
  const nameAt = 4096;
  const field = Buffer.alloc(12);
  field.writeBigUInt64BE(BigInt(nameAt), 0);
  field.writeUInt32BE(Buffer.byteLength(backing), 8);
  const file = await open(path, "r+");
  await file.write(field, 0, field.length, 8);
  await file.write(Buffer.from(backing), 0, undefined, nameAt);
  await file.close();
}
