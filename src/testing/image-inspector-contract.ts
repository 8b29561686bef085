import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { expect } from "chai";

import { DomsnapError } from "../core/errors/index.js";
import { IMAGE_FORMATS, RANK, type ImageFormat, type ImageRef } from "../core/model/index.js";
import type { ImageInfo, ImageInspector } from "../core/ports/index.js";
import { makeTestFolder, photographFolder, removeTestFolder } from "./folder-of-test.js";

const SIZE_BYTES = 1024 * 1024;
const NAMES = ["disk.img", "with blank", "täglich ☂ 日本語", "-rf", "a:b", "a,b=c", "a'\"\n%20"];

/** An inspector under test, and who makes images for it. */
export interface ImageInspectorUnderTest {
  readonly inspector: ImageInspector;
  /** Makes an empty image that shows so many bytes to a guest. */
  makeImage(path: string, format: ImageFormat, sizeBytes: number): Promise<void>;
  /** Makes an empty image on another one of its size; missing where no format can stand on others. */
  makeOverlay?(path: string, format: ImageFormat, base: ImageRef): Promise<void>;
  /** Keeps a snapshot inside of an image; missing where no format holds any. */
  makeSnapshot?(image: ImageRef, tag: string): Promise<void>;
}

/** How the suite gets inspectors to test, and what they can read. */
export interface ImageInspectorContract {
  /** All that it reads. */
  readonly formats: readonly ImageFormat[];
  /** Those whose images can stand on others; the suite is run for each. */
  readonly overlayFormats: readonly ImageFormat[];
  /** Those whose images hold snapshots. */
  readonly snapshotFormats: readonly ImageFormat[];
  /** Called once for each test. */
  readonly open: () => ImageInspectorUnderTest;
}

/** What every `ImageInspector` promises. To be called inside of mocha. */
export function describeImageInspector(name: string, contract: ImageInspectorContract): void {
  describe(`${name} keeps the contract of an image inspector`, () => {
    let folder: string;
    let subject: ImageInspectorUnderTest;
    let inspector: ImageInspector;
    beforeEach(async () => {
      folder = await makeTestFolder();
      subject = contract.open();
      ({ inspector } = subject);
    });
    afterEach(() => removeTestFolder(folder));

    const at = (file: string, format: ImageFormat): ImageRef => ({
      path: join(folder, file),
      type: "file",
      format,
    });
    const made = async (file: string, format: ImageFormat): Promise<ImageRef> => {
      const image = at(file, format);
      await subject.makeImage(image.path, format, SIZE_BYTES);
      return image;
    };
    const madeOn = async (base: ImageRef, file: string, format: ImageFormat): Promise<ImageRef> => {
      const image = at(file, format);
      if (!subject.makeOverlay) throw new Error(`nobody makes an overlay in the format ${format}`);
      await subject.makeOverlay(image.path, format, base);
      return image;
    };
    /** The ways to ask for the image below. */
    const questions = (image: ImageRef): (() => Promise<ImageInfo["backing"]>)[] => [
      async () => (await inspector.inspect(image)).backing,
      ...(inspector.below ? [async () => inspector.below?.(image)] : []),
    ];
    const refuses = async (image: ImageRef, ...codes: readonly string[]) => {
      for (const ask of questions(image)) {
        const answer = await ask().catch((thrown: unknown) => thrown);
        if (!(answer instanceof DomsnapError && codes.includes(answer.code)))
          expect.fail(`${image.path}: ${answer instanceof Error ? String(answer) : "it was read"}`);
      }
    };

    it("has an id, and says what it reads", () => {
      expect(inspector.id).to.match(/^[a-z0-9]+(-[a-z0-9]+)*$/);
      expect(inspector.summary).to.match(/\w{3}/);
    });

    it("ranks what it reads, whoever else may read it", () => {
      for (const format of IMAGE_FORMATS) {
        const rank = inspector.rank(format);
        expect(inspector.rank(format), format).to.equal(rank);
        if (rank !== undefined) expect(rank, format).to.be.greaterThan(RANK.refuses);
      }
      for (const format of contract.formats)
        expect(inspector.rank(format), format).to.be.a("number");
    });

    for (const format of contract.formats) {
      describe(`of a ${format} image`, () => {
        it("tells its size, that it stands on nothing and holds nothing", async () => {
          for (const file of NAMES) {
            const image = await made(file, format);
            const info = await inspector.inspect(image);
            expect(info, file).to.include({
              path: image.path,
              format,
              virtualSizeBytes: SIZE_BYTES,
            });
            expect(info.allocatedBytes, file).to.be.at.least(0);
            expect(info.backing, file).to.equal(undefined);
            expect(info.snapshots, file).to.deep.equal([]);
            if (inspector.below) expect(await inspector.below(image), file).to.equal(undefined);
            expect(await inspector.findDependents(image), file).to.deep.equal([]);
          }
        });

        it("changes nothing", async () => {
          const image = await made("disk.img", format);
          const before = await photographFolder(folder);
          await inspector.inspect(image);
          await inspector.below?.(image);
          await inspector.findDependents(image);
          expect(await photographFolder(folder)).to.deep.equal(before);
        });

        it("is told where there is no image", async () => {
          await refuses(at("missing", format), "image-missing");
          await refuses(at("missing/there", format), "image-missing");
          await mkdir(join(folder, "folder"));
          await refuses(at("folder", format), "image-missing", "disk-unsupported");
        });

        if (format !== "raw")
          it("refuses a file that is none", async () => {
            for (const size of [0, 1, 511, 512, 4096, SIZE_BYTES]) {
              const image = at(`junk ${size}`, format);
              await writeFile(image.path, Buffer.alloc(size, "junk"));
              await refuses(image, "disk-unsupported");
            }
          });
      });
    }

    for (const format of contract.overlayFormats)
      describe(`of a ${format} image that stands on another`, () => {
        it("tells the image below by its whole path", async () => {
          const base = await made("base", format);
          const overlay = await madeOn(base, "overlay", format);
          expect((await inspector.inspect(overlay)).virtualSizeBytes).to.equal(SIZE_BYTES);
          for (const ask of questions(overlay)) {
            const below = await ask();
            expect(below?.path).to.equal(base.path);
            // Not every format has a place for it.
            expect(below?.format ?? format).to.equal(format);
          }
        });

        it("finds it from the image below, in any folder that it is told of", async () => {
          await mkdir(join(folder, "elsewhere"));
          const base = await made("base", format);
          const near = await madeOn(base, "near", format);
          const far = await madeOn(base, "elsewhere/far", format);
          const above = await madeOn(near, "above", format);
          await made("beside", format);
          await writeFile(join(folder, "junk"), "junk");
          const candidates = [far.path, above.path, base.path, join(folder, "missing")];
          expect(await inspector.findDependents(base)).to.have.members([near.path]);
          expect(await inspector.findDependents(base, candidates)).to.have.members([
            near.path,
            far.path,
          ]);
          expect(await inspector.findDependents(near)).to.have.members([above.path]);
          expect(await inspector.findDependents(above)).to.deep.equal([]);
        });

        it("changes none of them", async () => {
          const base = await made("base", format);
          const overlay = await madeOn(base, "overlay", format);
          const before = await photographFolder(folder);
          await inspector.inspect(overlay);
          await inspector.below?.(overlay);
          await inspector.findDependents(base, [overlay.path]);
          expect(await photographFolder(folder)).to.deep.equal(before);
        });

        it("never says that it stands on nothing when the image below is gone", async () => {
          const base = await made("base", format);
          const overlay = await madeOn(base, "overlay", format);
          await rm(base.path);
          for (const ask of questions(overlay)) {
            const answer = await ask().catch((thrown: unknown) => thrown);
            if (answer instanceof Error) expect(answer).to.include({ code: "image-missing" });
            else expect(answer).to.include({ path: base.path });
          }
        });
      });

    for (const format of contract.snapshotFormats)
      it(`tells the snapshots inside of a ${format} image, by number and tag`, async () => {
        const image = await made("disk.img", format);
        if (!subject.makeSnapshot)
          throw new Error(`nobody keeps snapshots in the format ${format}`);
        const tags = ["first", "with blank", "täglich ☂ 日本語"];
        const sinceSeconds = Math.floor(Date.now() / 1000);
        for (const tag of tags) await subject.makeSnapshot(image, tag);
        const { snapshots } = await inspector.inspect(image);
        expect(snapshots.map(({ tag }) => tag)).to.have.members(tags);
        expect(new Set(snapshots.map(({ id }) => id)).size).to.equal(tags.length);
        for (const { dateSeconds, vmStateBytes } of snapshots) {
          expect(dateSeconds).to.be.within(sinceSeconds, Math.ceil(Date.now() / 1000));
          expect(vmStateBytes).to.equal(0);
        }
      });
  });
}
