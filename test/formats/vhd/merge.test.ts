import { randomBytes } from "node:crypto";
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { expect } from "chai";
import fc from "fast-check";

import { DomsnapError } from "../../../src/core/errors/index.js";
import {
  formatEmptyVhd,
  hostImageFiles as files,
  mergeIntoParent,
  openChain,
  openVhd,
  type ImageFiles,
} from "../../../src/formats/vhd/index.js";
import { expectError } from "../../../src/testing/expect-error.js";
import { makeFolder } from "../../plugins/support/state-folder.js";
import { checkVhd } from "./support/check-vhd.js";
import { goldenSparse } from "./support/golden-vhd.js";
import { readAsGuest, writeAsGuest } from "./support/guest-vhd.js";
import { readChain } from "./support/read-chain.js";

const KIB = 1024;
const SECTOR = 512;

describe("chains of VHDs", () => {
  let folder: string;
  let dispose: () => Promise<void>;
  beforeEach(async () => {
    ({ path: folder, dispose } = await makeFolder());
  });
  afterEach(() => dispose());

  const at = (name: string) => join(folder, name);

  const contentOf = async (path: string, format: "vhd" | "raw", chunk: number): Promise<Buffer> => {
    const chain = await openChain(files, path, format);
    const content = Buffer.alloc(Math.ceil(chain.sizeBytes / SECTOR) * SECTOR, 0xee);
    for (let offset = 0; offset < content.length; offset += chunk * SECTOR)
      await readChain(chain, content.subarray(offset, offset + chunk * SECTOR), offset / SECTOR);
    await chain.close();
    return content.subarray(0, chain.sizeBytes);
  };

  /** A differencing file with blocks of any size, which our own writer does not make. */
  const makeLayer = async (
    name: string,
    sizeBytes: number,
    blockBytes: number,
    parent?: { name: string; format: "vhd" | "raw" },
  ) => {
    let uuid = "00".repeat(16);
    if (parent?.format === "vhd") {
      const opened = await openVhd(files, at(parent.name));
      await opened.layer.close();
      uuid = opened.footer.uuid;
    }
    const link = parent && {
      uuid,
      name: parent.name,
      changedAt: 0,
      paths: [{ code: "MacX", bytes: Buffer.from(`file://./${parent.name}`) }],
    };
    const bytes = goldenSparse({
      type: parent ? 4 : 3,
      sizeBytes,
      uuid: randomBytes(16).toString("hex"),
      createdAt: 0,
      geometry: 0,
      blockBytes,
      ...(link && { parent: link }),
    });
    writeFileSync(at(name), bytes);
  };

  const writes = (sectors: number) =>
    fc.array(
      fc.record({
        sector: fc.nat(sectors - 1),
        count: fc.integer({ min: 1, max: 40 }),
        byte: fc.nat(255),
      }),
      { maxLength: 6 },
    );
  const SECTORS = 300;
  const layerOf = fc.record({
    blockBytes: fc.constantFrom(4 * KIB, 8 * KIB, 64 * KIB, 2048 * KIB),
    writes: writes(SECTORS),
  });

  it("show and merge what was written, whatever was written where", () =>
    fc.assert(
      fc.asyncProperty(
        fc.constantFrom("vhd" as const, "raw" as const),
        fc.array(layerOf, { minLength: 2, maxLength: 4 }),
        fc.integer({ min: 1, max: 70 }),
        async (root, layers, chunk) => {
          const model = Buffer.alloc(SECTORS * SECTOR);
          const states: Buffer[] = [];
          for (const [index, { blockBytes, writes }] of layers.entries()) {
            const format = index === 0 ? root : "vhd";
            const parent = { name: `${index - 1}`, format: index === 1 ? root : ("vhd" as const) };
            if (format === "raw") writeFileSync(at("0"), model);
            else
              await makeLayer(`${index}`, model.length, blockBytes, index > 0 ? parent : undefined);
            for (const { sector, count, byte } of writes) {
              const length = Math.min(count, SECTORS - sector) * SECTOR;
              model.fill(byte, sector * SECTOR, sector * SECTOR + length);
              writeAsGuest(at(`${index}`), format, sector * SECTOR, Buffer.alloc(length, byte));
            }
            states.push(Buffer.from(model));
            expect((await contentOf(at(`${index}`), format, chunk)).equals(model)).to.equal(true);
          }
          for (let index = layers.length - 1; index > 0; index--) {
            const format = index === 1 ? root : "vhd";
            const child = readFileSync(at(`${index}`));
            await mergeIntoParent(files, at(`${index}`), { path: at(`${index - 1}`), format });
            expect(readFileSync(at(`${index}`)).equals(child), "the child stays").to.equal(true);
            expect(readAsGuest(at(`${index - 1}`), format).equals(model)).to.equal(true);
            expect((await contentOf(at(`${index - 1}`), format, chunk)).equals(model)).to.equal(
              true,
            );
            if (format === "vhd")
              expect(await checkVhd(files, at(`${index - 1}`))).to.deep.equal([]);
          }
        },
      ),
      { numRuns: 40 },
    ));

  const makePair = async (sizeBytes: number) => {
    await makeLayer("base", sizeBytes, 2048 * KIB);
    const base = await openVhd(files, at("base"));
    await base.layer.close();
    const parent = { path: at("base"), uuid: base.footer.uuid, changedMs: 0 };
    writeFileSync(at("child"), formatEmptyVhd({ sizeBytes, finalPath: at("child"), parent }));
    return { path: at("base"), format: "vhd" as const };
  };

  it("keep zeroes that were written over data", async () => {
    const base = await makePair(64 * KIB);
    writeAsGuest(at("base"), "vhd", 0, Buffer.alloc(8 * KIB, 9));
    writeAsGuest(at("child"), "vhd", 4 * KIB, Buffer.alloc(SECTOR));
    await mergeIntoParent(files, at("child"), base);
    const content = readAsGuest(at("base"), "vhd");
    expect(content[4 * KIB]).to.equal(0);
    expect(content[4 * KIB + SECTOR]).to.equal(9);
  });

  it("lose nothing of a leaf whose trailing footer is missing", async () => {
    const base = await makePair(6 * 1024 * KIB);
    writeAsGuest(at("child"), "vhd", 2048 * KIB, randomBytes(2048 * KIB), { dies: true });
    const shown = readAsGuest(at("child"), "vhd");
    await mergeIntoParent(files, at("child"), base);
    expect(readAsGuest(at("base"), "vhd").equals(shown)).to.equal(true);
  });

  it("mark full blocks in the batmap", async () => {
    const base = await makePair(2048 * KIB);
    writeAsGuest(at("base"), "vhd", 0, randomBytes(1024 * KIB));
    writeAsGuest(at("child"), "vhd", 1024 * KIB, randomBytes(1024 * KIB));
    await mergeIntoParent(files, at("child"), base);
    expect(await checkVhd(files, at("base"))).to.deep.equal([]);
    const map = readFileSync(at("base")).subarray(2560, 3072);
    expect(map[0]).to.equal(0x80);
  });

  it("stop on request and tell how far they are", async () => {
    const base = await makePair(16 * 1024 * KIB);
    for (let mib = 0; mib < 16; mib += 2)
      writeAsGuest(at("child"), "vhd", mib * 1024 * KIB, Buffer.alloc(512, 1));
    copyFileSync(at("base"), at("before"));
    const stop = new AbortController();
    const seen: number[] = [];
    const merging = mergeIntoParent(files, at("child"), base, {
      signal: stop.signal,
      onProgress: ({ bytesDone, bytesTotal }) => {
        expect(bytesTotal).to.equal(16 * 1024 * KIB);
        seen.push(bytesDone);
        stop.abort();
      },
    });
    await expectError(merging, "cancelled");
    expect(seen[0]).to.equal(2048 * KIB);
    expect(readAsGuest(at("base"), "vhd").equals(readAsGuest(at("before"), "vhd"))).to.equal(true);
    const shown = readAsGuest(at("before"), "vhd");
    for (let mib = 0; mib < 16; mib += 2) shown.fill(1, mib * 1024 * KIB, mib * 1024 * KIB + 512);
    await mergeIntoParent(files, at("child"), base);
    expect(readAsGuest(at("base"), "vhd").equals(shown)).to.equal(true);
  });

  describe("of many blocks", () => {
    /** More than is written before the disk is set to work. */
    const BLOCKS = 20;
    const makeMany = async () => {
      const base = await makePair(BLOCKS * 2048 * KIB);
      const { footer } = await openVhd(files, at("child")).then(async (image) => {
        await image.layer.close();
        return image;
      });
      const parent = await openVhd(files, at("base"));
      await parent.layer.close();
      const paths = [{ code: "MacX", bytes: Buffer.from("file://./base") }];
      const bytes = goldenSparse({
        type: 4,
        sizeBytes: BLOCKS * 2048 * KIB,
        uuid: footer.uuid,
        createdAt: 0,
        geometry: 0,
        parent: { uuid: parent.footer.uuid, name: "base", changedAt: 0, paths },
        blocks: Array.from({ length: BLOCKS }, (_, index) => ({
          index,
          bitmap: Buffer.alloc(SECTOR, 0xff),
          data: Buffer.alloc(2048 * KIB, index + 1),
        })),
      });
      writeFileSync(at("child"), bytes);
      return base;
    };
    /** Watches the syncs of what is written; the first one may fail. */
    const watched = (seen: string[], failure?: Error): ImageFiles => ({
      ...files,
      open: async (path, access) => {
        const file = await files.open(path, access);
        let failures = failure ? [failure] : [];
        return {
          path,
          sizeBytes: () => file.sizeBytes(),
          read: (buffer, offset) => file.read(buffer, offset),
          write: async (buffer, offset) => {
            await file.write(buffer, offset);
            seen.push(buffer.length > MOST_METADATA_BYTES ? "data" : "metadata");
          },
          truncate: (sizeBytes) => file.truncate(sizeBytes),
          close: () => file.close(),
          sync: async () => {
            seen.push("sync");
            const [error] = failures;
            failures = [];
            if (error) throw error;
            await file.sync();
          },
        };
      },
    });
    const MOST_METADATA_BYTES = 64 * KIB;

    it("are synced while they are copied, and wholly before the table names them", async () => {
      const base = await makeMany();
      const seen: string[] = [];
      await mergeIntoParent(watched(seen), at("child"), base);
      expect(seen.indexOf("sync"), "first sync").to.be.lessThan(seen.lastIndexOf("data"));
      const afterData = seen.slice(seen.lastIndexOf("data") + 1);
      expect(afterData.indexOf("metadata")).to.be.greaterThan(afterData.indexOf("sync"));
      expect(seen.at(-1)).to.equal("sync");
      expect(await checkVhd(files, at("base"))).to.deep.equal([]);
      const content = readAsGuest(at("base"), "vhd");
      expect([content[0], content.at(-1)]).to.deep.equal([1, BLOCKS]);
    });

    it("are not merged when such a sync has failed, whatever the last one says", async () => {
      const base = await makeMany();
      const seen: string[] = [];
      const failure = new DomsnapError("system-error", "cannot sync image: Input/output error");
      const merging = mergeIntoParent(watched(seen, failure), at("child"), base);
      await expectError(merging, "system-error", /Input\/output error/);
      expect(seen).not.to.include("metadata");
    });
  });

  it("are not merged when their sizes differ", async () => {
    const base = await makePair(64 * KIB);
    await makeLayer("base", 128 * KIB, 4 * KIB);
    await expectError(mergeIntoParent(files, at("child"), base), "disk-unsupported", /has 131072/);
  });
});
