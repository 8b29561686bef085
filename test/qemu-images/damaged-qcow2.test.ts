import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";

import { expect } from "chai";
import fc from "fast-check";

import { QemuImg } from "../../src/clients/qemu-img.js";
import { DomsnapError } from "../../src/core/errors/index.js";
import { assertSafeChain } from "../../src/qemu-images/backing-chain.js";
import { SoundImages } from "../../src/qemu-images/sound-images.js";
import { testFolder } from "../support/images/folder.js";

const SEED = 20_261_130;
const CLUSTER = 4096;
const CLUSTERS = 24;

/** Fields of the header of version 3: place, bytes. */
const FIELDS: Readonly<Record<string, readonly [number, number]>> = {
  magic: [0, 4],
  version: [4, 4],
  "place of the backing name": [8, 8],
  "length of the backing name": [16, 4],
  "cluster bits": [20, 4],
  "crypt method": [32, 4],
  "entries of L1": [36, 4],
  "place of L1": [40, 8],
  "place of the reference counts": [48, 8],
  "clusters of the reference counts": [56, 4],
  "number of snapshots": [60, 4],
  "place of the snapshots": [64, 8],
  "incompatible features": [72, 8],
  "bits of a reference count": [96, 4],
  "length of the header": [100, 4],
};

describe("a damaged qcow2 image is read as it was, or refused", () => {
  const folder = testFolder();
  const qemuImg = (...args: string[]) =>
    execFileSync("qemu-img", args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  const qemuIo = (path: string, ...commands: string[]) =>
    execFileSync("qemu-io", ["-f", "qcow2", ...commands.flatMap((one) => ["-c", one]), path]);
  let path: string;
  let good: Buffer;
  let whole: Buffer[];

  beforeEach(() => {
    const base = folder.file("base");
    path = folder.file("image");
    qemuImg("create", "-q", "-f", "qcow2", "-o", `cluster_size=${CLUSTER}`, base, "96k");
    qemuIo(base, "write -q -P 1 0 32k");
    const options = `cluster_size=${CLUSTER},backing_file=${base},backing_fmt=qcow2`;
    qemuImg("create", "-q", "-f", "qcow2", "-o", options, path, "96k");
    qemuIo(path, "write -q -P 2 8k 12k", "write -q -c -P 3 40k 4k");
    qemuImg("snapshot", "-c", "s", path);
    qemuIo(path, "write -q -P 4 0 20k", "write -q -P 5 64k 8k");
    good = readFileSync(path);
    whole = readAll();
  });

  /** What a guest sees now, and what it saw when the snapshot was taken. */
  const readAll = () =>
    [[], ["-l", "snapshot.name=s"]].map((of) => {
      qemuImg("convert", "-f", "qcow2", ...of, "-O", "raw", path, `${path}.raw`);
      return readFileSync(`${path}.raw`);
    });

  async function problemAfter(bytes: Buffer): Promise<string | undefined> {
    writeFileSync(path, bytes);
    try {
      const image = { path, format: "qcow2" } as const;
      await assertSafeChain(image);
      await new QemuImg().info({ ...image });
      await new SoundImages(new QemuImg()).assertSound(image);
    } catch (error) {
      return error instanceof DomsnapError ? undefined : String(error);
    }
    try {
      return readAll().every((found, at) => found.equals(whole[at]!)) ? undefined : "other content";
    } catch {
      // QEMU refuses to read it, which loses nothing.
      return undefined;
    }
  }

  it("cut off at every sector", async () => {
    const problems: string[] = [];
    for (let end = 0; end < good.length; end += 512) {
      const problem = await problemAfter(good.subarray(0, end));
      if (problem !== undefined) problems.push(`cut to ${String(end)}: ${problem}`);
    }
    expect(problems).to.deep.equal([]);
  });

  for (const [what, [place, length]] of Object.entries(FIELDS))
    it(`with another ${what}`, async () => {
      const problems: string[] = [];
      for (const change of [
        (bytes: Buffer) => bytes.fill(0),
        (bytes: Buffer) => bytes.fill(0xff),
        (bytes: Buffer) => bytes.writeUInt8(bytes.readUInt8(length - 1) ^ 1, length - 1),
        (bytes: Buffer) => bytes.writeUInt8(bytes.readUInt8(length - 2) ^ 0x10, length - 2),
        (bytes: Buffer) => bytes.writeUInt8(bytes.readUInt8(0) ^ 0x80, 0),
      ]) {
        const bytes = Buffer.from(good);
        change(bytes.subarray(place, place + length));
        const problem = await problemAfter(bytes);
        if (problem !== undefined)
          problems.push(`${bytes.toString("hex", place, place + length)}: ${problem}`);
      }
      expect(problems).to.deep.equal([]);
    });

  /** The flags for "reads as zeroes" and "is compressed" contradict nothing, whatever they say. */
  it("with a bit of its tables flipped that anything else speaks of", async () => {
    const problems: string[] = [];
    for (const at of tableEntries(good))
      for (const bit of [9, 12, 13, 16, 20, 40, 55, 61, 63]) {
        const bytes = Buffer.from(good);
        bytes.writeBigUInt64BE(bytes.readBigUInt64BE(at) ^ (1n << BigInt(bit)), at);
        const problem = await problemAfter(bytes);
        if (problem !== undefined) problems.push(`bit ${String(bit)} at ${String(at)}: ${problem}`);
      }
    expect(problems).to.deep.equal([]);
  });

  it("with any bytes of its tables changed", async () => {
    const places = tableEntries(good);
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...places),
        fc.uint8Array({ minLength: 5, maxLength: 5 }),
        async (at, noise) => {
          const bytes = Buffer.from(good);
          // The flags of the first and of the last byte stay.
          bytes.set(noise, at + 2);
          expect(await problemAfter(bytes)).to.equal(undefined);
        },
      ),
      { seed: SEED, numRuns: 60 },
    );
  });
});

/** Places of the entries in use of the tables that map clusters, those of the snapshot included. */
function tableEntries(bytes: Buffer): number[] {
  const offsetAt = (at: number) => Number(bytes.readBigUInt64BE(at) & 0x00ff_ffff_ffff_fe00n);
  const l1 = [offsetAt(40), offsetAt(offsetAt(64))];
  const l2 = [...new Set(l1.map(offsetAt))].flatMap((table) =>
    Array.from({ length: CLUSTERS }, (_none, index) => table + index * 8),
  );
  return [...l1, ...l2.filter((at) => bytes.readBigUInt64BE(at) !== 0n)];
}
