import { execFileSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { expect } from "chai";

import { hostImageFiles, openChain, openVhd } from "../../../src/formats/vhd/index.js";
import { formatFixedFooter, mergeIntoParent } from "../../../src/formats/vhd/index.js";
import { formatEmptyVhd } from "../../../src/formats/vhd/index.js";
import { assertSafeChain } from "../../../src/qemu-images/backing-chain.js";
import { expectError } from "../../../src/testing/expect-error.js";
import { makeFolder } from "../../plugins/support/state-folder.js";
import { writeAsGuest } from "./support/guest-vhd.js";
import { readChain } from "./support/read-chain.js";
import { makeDynamic } from "./support/vhd-images.js";

const MIB = 1024 * 1024;
const SIZE = 6 * MIB;

const qemuImg = (...args: string[]) => execFileSync("qemu-img", args, { encoding: "utf8" });
const sha = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");

describe("VHDs and qemu-img", () => {
  let folder: string;
  let dispose: () => Promise<void>;
  beforeEach(async () => {
    ({ path: folder, dispose } = await makeFolder());
  });
  afterEach(() => dispose());

  const at = (name: string) => join(folder, name);

  const readOurs = async (path: string): Promise<Buffer> => {
    const chain = await openChain(hostImageFiles, path, "vhd");
    const content = Buffer.alloc(chain.sizeBytes);
    await readChain(chain, content, 0);
    await chain.close();
    return content;
  };
  const readTheirs = (path: string): Buffer => {
    qemuImg("convert", "-f", "vpc", "-O", "raw", path, at("flat.raw"));
    return readFileSync(at("flat.raw"));
  };

  for (const subformat of ["dynamic", "fixed"])
    it(`reads a ${subformat} image that qemu-img made and filled`, async () => {
      const content = Buffer.concat([
        randomBytes(3 * MIB),
        Buffer.alloc(2 * MIB),
        randomBytes(MIB),
      ]);
      writeFileSync(at("in.raw"), content);
      const options = `subformat=${subformat},force_size=on`;
      qemuImg("convert", "-f", "raw", "-O", "vpc", "-o", options, at("in.raw"), at("theirs.vhd"));
      expect(sha(await readOurs(at("theirs.vhd")))).to.equal(sha(content));
    });

  it("makes dynamic images that qemu-img reads, absent sectors of a block included", async () => {
    await makeDynamic(at("ours.vhd"), SIZE);
    writeAsGuest(at("ours.vhd"), "vhd", 512 * 3, randomBytes(512 * 7));
    writeAsGuest(at("ours.vhd"), "vhd", SIZE - 2560, randomBytes(2560));
    expect(qemuImg("info", "--output=json", "-f", "vpc", at("ours.vhd"))).to.include(
      `"virtual-size": ${SIZE}`,
    );
    const content = await readOurs(at("ours.vhd"));
    expect(sha(readTheirs(at("ours.vhd")))).to.equal(sha(content));
  });

  it("merges into what qemu-img made, and qemu-img reads the result", async () => {
    const size = 16 * MIB;
    qemuImg("create", "-q", "-f", "vpc", "-o", "force_size=on", at("base.vhd"), String(size));
    execFileSync("qemu-io", ["-f", "vpc", "-c", "write -q -P 7 2M 100k", at("base.vhd")]);
    const base = await openVhd(hostImageFiles, at("base.vhd"));
    await base.layer.close();
    const parent = { path: at("base.vhd"), uuid: base.footer.uuid, changedMs: 0 };
    const child = { sizeBytes: base.layer.sizeBytes, finalPath: at("child.vhd"), parent };
    writeFileSync(at("child.vhd"), formatEmptyVhd(child));
    // Full blocks first, so that what is left of them in memory would show in the later ones.
    writeAsGuest(at("child.vhd"), "vhd", 4 * MIB, randomBytes(6 * MIB));
    for (let mib = 10; mib < 16; mib += 2)
      writeAsGuest(at("child.vhd"), "vhd", mib * MIB + 512 * 7, randomBytes(512 * 5));
    writeAsGuest(at("child.vhd"), "vhd", 2 * MIB + 512 * 9, randomBytes(512 * 30));
    const shown = await readOurs(at("child.vhd"));
    await mergeIntoParent(hostImageFiles, at("child.vhd"), { path: at("base.vhd"), format: "vhd" });
    expect(sha(await readOurs(at("base.vhd")))).to.equal(sha(shown));
    expect(sha(readTheirs(at("base.vhd")))).to.equal(sha(shown));
  });

  it("are kept apart where QEMU would misread one that stands on another", async () => {
    await makeDynamic(at("base.vhd"), SIZE, "cd".repeat(16));
    writeAsGuest(at("base.vhd"), "vhd", 0, randomBytes(MIB));
    const parent = { path: at("base.vhd"), uuid: "cd".repeat(16), changedMs: 0 };
    const child = { sizeBytes: SIZE, finalPath: at("child.vhd"), parent };
    writeFileSync(at("child.vhd"), formatEmptyVhd(child));
    qemuImg("create", "-q", "-f", "qcow2", "-b", at("child.vhd"), "-F", "vpc", at("top.qcow2"));
    const misread = readTheirs(at("child.vhd"));
    expect(
      misread.every((byte) => byte === 0),
      "it says nothing and reads zeroes",
    ).to.equal(true);
    await assertSafeChain({ path: at("base.vhd"), format: "vpc" });
    for (const [name, format] of [
      ["child.vhd", "vpc"],
      ["child.vhd", "vhd"],
      ["top.qcow2", "qcow2"],
    ] as const)
      await expectError(
        assertSafeChain({ path: at(name), format }),
        "disk-unsupported",
        /child\.vhd' cannot be used: it is a VHD that stands on .*base\.vhd', and QEMU silently misreads/,
      );
  });

  it("makes a raw image a fixed VHD that qemu-img reads", async () => {
    const content = randomBytes(SIZE);
    const uuid = "ab".repeat(16);
    const footer = formatFixedFooter({ sizeBytes: SIZE, uuid });
    writeFileSync(at("fixed.vhd"), Buffer.concat([content, footer]));
    expect(sha(readTheirs(at("fixed.vhd")))).to.equal(sha(content));
    expect(sha(await readOurs(at("fixed.vhd")))).to.equal(sha(content));
  });
});
