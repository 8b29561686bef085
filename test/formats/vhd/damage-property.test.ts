import { expect } from "chai";
import fc from "fast-check";

import { DomsnapError } from "../../../src/core/errors/index.js";
import { openChain } from "../../../src/formats/vhd/index.js";
import type { Damage } from "../../support/damage.js";
import { goldenSparse, type GoldenVhd } from "./support/golden-vhd.js";
import { memoryFiles } from "./support/memory-files.js";
import { readChain } from "./support/read-chain.js";

const BLOCK = 16 * 1024;
const SECTORS = BLOCK / 512;
const SIZE = 4 * BLOCK;
const SEED = 20_261_130;

/** What a guest may read after a damage, and what it may not. */
const REFUSALS = new Set(["disk-unsupported", "image-missing"]);

const bitmapOf = (isPresent: (sector: number) => boolean) => {
  const bitmap = Buffer.alloc(512);
  for (let sector = 0; sector < SECTORS; sector++)
    if (isPresent(sector)) bitmap[sector >> 3]! |= 0x80 >> (sector & 7);
  return bitmap;
};

const base: GoldenVhd = {
  type: 3,
  sizeBytes: SIZE,
  uuid: "ba".repeat(16),
  createdAt: 1,
  geometry: 0,
  blockBytes: BLOCK,
  blocks: [
    { index: 2, bitmap: bitmapOf(() => true), data: Buffer.alloc(BLOCK, 0x22) },
    { index: 0, bitmap: bitmapOf((sector) => sector % 3 === 0), data: Buffer.alloc(BLOCK, 0x11) },
  ],
};

const overlay: GoldenVhd = {
  ...base,
  type: 4,
  uuid: "c0".repeat(16),
  parent: {
    uuid: base.uuid,
    name: "base.vhd",
    changedAt: 7,
    paths: [
      { code: "MacX", bytes: Buffer.from("file://./base.vhd") },
      { code: "W2ku", bytes: Buffer.from(".\\base.vhd", "utf16le") },
      { code: "W2ru", bytes: Buffer.from(".\\base.vhd", "utf16le") },
    ],
  },
  blocks: [
    { index: 1, bitmap: bitmapOf((sector) => sector < 24), data: Buffer.alloc(BLOCK, 0x33) },
    { index: 2, bitmap: bitmapOf((sector) => sector > 20), data: Buffer.alloc(BLOCK, 0x44) },
  ],
};

const FILES = new Map([
  ["/images/base.vhd", goldenSparse(base)],
  ["/images/overlay.vhd", goldenSparse(overlay)],
]);

describe("a damaged chain of VHDs is read as it was, or refused", () => {
  let whole: Buffer;
  before(async () => {
    whole = await read(FILES);
    for (const byte of [0x11, 0x22, 0x33, 0x44])
      expect(whole.includes(Buffer.alloc(512, byte))).to.equal(true);
  });

  for (const [path, good] of FILES) {
    /** What is wrong with what comes of damages; nothing for a right content or a refusal. */
    const problemsAfter = async (damages: Iterable<Damage>): Promise<string[]> => {
      const problems: string[] = [];
      for (const { what, bytes } of damages)
        try {
          const found = await read(new Map([...FILES, [path, bytes]]));
          if (!found.equals(whole)) problems.push(`${what}: reads as something else`);
        } catch (error) {
          const isRefusal = error instanceof DomsnapError && REFUSALS.has(error.code);
          if (!isRefusal) problems.push(`${what}: ${String(error)}`);
        }
      return problems;
    };

    it(`${path} cut off at every sector, and anywhere`, async () => {
      expect(await problemsAfter(cuts(good))).to.deep.equal([]);
      await fc.assert(
        fc.asyncProperty(fc.nat(good.length - 1), async (end) => {
          const cut = { what: `cut to ${String(end)}`, bytes: good.subarray(0, end) };
          expect(await problemsAfter([cut])).to.deep.equal([]);
        }),
        { seed: SEED, numRuns: 500 },
      );
    });

    it(`${path} with any bit of its footers, headers and tables flipped`, async () => {
      expect(await problemsAfter(flips(good))).to.deep.equal([]);
    });

    it(`${path} with a header changed and its checksum made right`, async () => {
      expect(await problemsAfter(lies(good))).to.deep.equal([]);
    });
  }
});

async function read(contents: ReadonlyMap<string, Buffer>): Promise<Buffer> {
  const chain = await openChain(memoryFiles(contents), "/images/overlay.vhd", "vhd");
  const content = Buffer.alloc(SIZE);
  await readChain(chain, content, 0);
  return content;
}

function* cuts(good: Buffer): Generator<Damage> {
  for (let end = 0; end < good.length; end += 512)
    yield { what: `cut to ${String(end)}`, bytes: good.subarray(0, end) };
}

/** Bitmaps and data are left out: the format has nothing to tell what was in them. */
function* flips(good: Buffer): Generator<Damage> {
  const last = good.length - 512;
  const dataAt = firstBlockOf(good);
  for (let place = 0; place < good.length; place = place + 1 === dataAt ? last : place + 1)
    for (const bit of good[place] === 0 ? [0, 7] : [0, 1, 2, 3, 4, 5, 6, 7]) {
      const bytes = Buffer.from(good);
      bytes.writeUInt8(good.readUInt8(place) ^ (1 << bit), place);
      yield { what: `bit ${String(bit)} of byte ${String(place)}`, bytes };
    }
}

function* lies(good: Buffer): Generator<Damage> {
  const areas = [
    { from: 0, length: 512, checksum: 64 },
    { from: 512, length: 1024, checksum: 36 },
    { from: good.length - 512, length: 512, checksum: 64 },
  ];
  for (const { from, length, checksum } of areas)
    for (let place = from; place < from + length; place++)
      for (const flip of [0x01, 0x80, 0xff]) {
        const bytes = Buffer.from(good);
        bytes.writeUInt8(good.readUInt8(place) ^ flip, place);
        bytes.writeUInt32BE(0, from + checksum);
        const area = bytes.subarray(from, from + length);
        const sum = area.reduce((total, byte) => total + byte, 0);
        bytes.writeUInt32BE(~sum >>> 0, from + checksum);
        yield { what: `byte ${String(place)} ^ ${String(flip)}`, bytes };
      }
}

function firstBlockOf(good: Buffer): number {
  const entries = [0, 1, 2, 3].map((block) => good.readUInt32BE(1536 + block * 4));
  return Math.min(...entries) * 512;
}
