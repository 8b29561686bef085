import { access, lstat, readFile, rm, writeFile } from "node:fs/promises";
import { isAbsolute, join, relative } from "node:path";

import { expect } from "chai";

import type { DomainSnapshot } from "../core/model/index.js";
import type {
  ExportedFiles,
  ExportFormat,
  ExportOptions,
  ExportProgress,
  ExportTree,
} from "../core/ports/index.js";
import { parseDomain } from "../xml/index.js";
import { expectError } from "./expect-error.js";
import { makeTestFolder, photographFolder, removeTestFolder } from "./folder-of-test.js";
import { SAMPLE_UUID } from "./samples.js";

const IMAGE_BYTES = 256 * 1024;
const NAMES = ["first", "with blank", "täglich ☂ 日本語", "-rf"];

/** What every `ExportFormat` promises. To be called inside of mocha. */
export function describeExportFormat(name: string, open: () => ExportFormat): void {
  describe(`${name} keeps the contract of an export format`, () => {
    let scratch: string;
    let folder: string;
    let format: ExportFormat;
    let tree: ExportTree;
    beforeEach(async () => {
      scratch = await makeTestFolder();
      folder = join(scratch, "below", "this");
      format = open();
      tree = await sampleTree(scratch);
    });
    afterEach(() => removeTestFolder(scratch));

    const write = (changes: Partial<ExportOptions> = {}, what = tree): Promise<ExportedFiles> =>
      format.write(what, folder, { ...OPTIONS, ...changes });

    it("has an id that can stand in an option, and says what it writes", () => {
      expect(format.id).to.match(/^[a-z0-9]+(-[a-z0-9]+)*$/);
      expect(format.summary).to.match(/\w{3}/);
    });

    it("writes below the folder, which it makes, for the caller alone", async () => {
      const { files, warnings } = await write();
      expect(new Set(files).size).to.equal(files.length).and.be.greaterThan(0);
      for (const file of files) {
        expect(isAbsolute(file), file).to.equal(true);
        expect(relative(folder, file), file).not.to.match(/^\.\./);
        expect((await lstat(file)).isFile(), file).to.equal(true);
        expect((await lstat(file)).mode & 0o077, file).to.equal(0);
      }
      expect((await lstat(folder)).mode & 0o077).to.equal(0);
      for (const warning of warnings) expect(warning).not.to.equal("");
      const written = Object.keys(await photographFolder(folder));
      expect(written).to.include.members(files.map((file) => relative(folder, file)));
    });

    it("tells what it would write, and writes nothing", async () => {
      const before = await photographFolder(scratch);
      const { files } = await write({ dryRun: true });
      expect(await photographFolder(scratch)).to.deep.equal(before);
      expect((await write()).files).to.deep.equal(files);
    });

    it("leaves what is there already when it is repeated", async () => {
      const first = await write();
      const before = await photographFolder(folder);
      expect(await write()).to.deep.equal(first);
      expect(await photographFolder(folder)).to.deep.equal(before);
    });

    it("goes on where it was interrupted", async () => {
      const { files } = await write();
      const last = files.at(-1) ?? "";
      const content = await readFile(last);
      await rm(last);
      expect((await write()).files).to.deep.equal(files);
      expect(await readFile(last)).to.deep.equal(content);
    });

    it("does not touch a file that stands in the way, and writes no other either", async () => {
      const { files } = await write();
      const [first = "", ...others] = files;
      for (const file of others) await rm(file);
      await writeFile(first, "somebody's");
      const before = await photographFolder(scratch);
      await expectError(write({ dryRun: true }), "image-conflict");
      await expectError(write(), "image-conflict");
      expect(await photographFolder(scratch)).to.deep.equal(before);
    });

    it("leaves alone what others have beside its files, whatever it is called", async () => {
      const { files } = await write();
      for (const file of files) await rm(file);
      const strangers = files.flatMap((file) =>
        [".new", ".tmp", ".partial", ".part", "~", ".bak"].map((suffix) => file + suffix),
      );
      for (const path of strangers) await writeFile(path, "somebody's");
      expect((await write()).files).to.deep.equal(files);
      for (const path of strangers)
        expect(await readFile(path, "utf8"), path).to.equal("somebody's");
    });

    it("leaves the images where they are", async () => {
      await write();
      for (const path of imagesOf(scratch)) await access(path);
      const written = Object.keys(await photographFolder(folder));
      expect(written.filter((file) => file.endsWith(".img"))).to.deep.equal([]);
    });

    it("takes a domain without snapshots", async () => {
      const { current: _none, ...rest } = tree;
      await write({}, { ...rest, snapshots: [] });
    });

    describe("with images, if it copies them", () => {
      const ifCopies = (work: () => Promise<void>) =>
        async function () {
          if (format.copiesImages) await work();
          else expect(format.copiesImages).to.equal(false);
        };

      it(
        "copies each, and tells how far it got",
        ifCopies(async () => {
          const seen: ExportProgress[] = [];
          const { files } = await write({ images: true, progress: (at) => seen.push(at) });
          const contents = await Promise.all(files.map((file) => readFile(file)));
          for (const path of imagesOf(scratch)) {
            const original = await readFile(path);
            expect(
              contents.some((content) => content.equals(original)),
              path,
            ).to.equal(true);
          }
          for (const file of files) expect((await lstat(file)).mode & 0o077, file).to.equal(0);
          for (const { index, total } of seen) expect(index).to.be.within(0, total - 1);
        }),
      );

      it(
        "copies nothing in a dry run, and nothing twice",
        ifCopies(async () => {
          const before = await photographFolder(scratch);
          await write({ images: true, dryRun: true });
          expect(await photographFolder(scratch)).to.deep.equal(before);
          await write({ images: true });
          const written = await photographFolder(folder);
          await write({ images: true });
          expect(await photographFolder(folder)).to.deep.equal(written);
        }),
      );

      it(
        "stops when it is cancelled, and is whole when it is repeated",
        ifCopies(async () => {
          const stopped = write({ images: true, signal: AbortSignal.abort() });
          await expectError(stopped, "cancelled");
          const { files } = await write({ images: true });
          for (const file of files) await access(file);
        }),
      );
    });
  });
}

const OPTIONS: ExportOptions = {
  images: false,
  dryRun: false,
  signal: new AbortController().signal,
  progress: () => undefined,
};

/** The image of the domain, and the copy that a snapshot has of it. */
function imagesOf(scratch: string): readonly [image: string, copy: string] {
  return [join(scratch, "web.img"), join(scratch, "web.first.img")];
}

/** A domain that is off with a raw image, and a chain of snapshots of which the first has a copy. */
async function sampleTree(scratch: string): Promise<ExportTree> {
  const [image, copy] = imagesOf(scratch);
  await writeFile(image, Buffer.alloc(IMAGE_BYTES, 1));
  await writeFile(copy, Buffer.alloc(IMAGE_BYTES, 2));
  const definition = parseDomain(
    `<domain type='qemu'><name>web</name><uuid>${SAMPLE_UUID}</uuid><memory unit='KiB'>65536</memory>` +
      "<os><type>hvm</type></os><devices><disk type='file' device='disk'>" +
      `<driver name='qemu' type='raw'/><source file='${image}'/><target dev='vda' bus='virtio'/>` +
      "</disk></devices></domain>",
  );
  const snapshots = NAMES.map((name, index): DomainSnapshot => {
    const parent = NAMES[index - 1];
    const kept = { type: "file", format: "raw", source: { path: copy } } as const;
    return {
      name,
      state: "shutoff",
      creationTime: 1_400_000_000n + BigInt(index),
      memory: { mode: "no" },
      disks: [
        index === 0
          ? { name: "vda", mode: "external", ...kept }
          : { name: "vda", mode: "no", type: "file" },
      ],
      domain: definition,
      ...(parent !== undefined && { parent }),
    };
  });
  const state = { state: "shutoff", persistent: true } as const;
  const domain = { name: definition.name, uuid: definition.uuid, ...state, definition };
  return { domain, snapshots, current: NAMES.at(-1) ?? "" };
}
