import { execFileSync } from "node:child_process";
import { writeFileSync, readFileSync, symlinkSync, utimesSync } from "node:fs";
import { join } from "node:path";

import { expect } from "chai";

import {
  findChildren,
  hostImageFiles as files,
  openChain,
  openVhd,
  repairVhd,
  formatEmptyVhd,
  changeIdentity,
} from "../../../src/formats/vhd/index.js";
import { expectError } from "../../../src/testing/expect-error.js";
import { makeFolder } from "../../plugins/support/state-folder.js";
import { checkVhd } from "./support/check-vhd.js";
import { goldenFooter, goldenSparse, type GoldenVhd } from "./support/golden-vhd.js";
import { readAsGuest, writeAsGuest } from "./support/guest-vhd.js";
import { makeDynamic } from "./support/vhd-images.js";

const MIB = 1024 * 1024;
const SIZE = 6 * MIB;
const golden: GoldenVhd = {
  type: 3,
  sizeBytes: SIZE,
  uuid: "12".repeat(16),
  createdAt: 1,
  geometry: 0,
};

describe("damaged VHDs", () => {
  let folder: string;
  let dispose: () => Promise<void>;
  beforeEach(async () => {
    ({ path: folder, dispose } = await makeFolder());
  });
  afterEach(() => dispose());

  const at = (name: string) => join(folder, name);
  const write = (name: string, bytes: Buffer) => {
    writeFileSync(at(name), bytes);
    return at(name);
  };
  const refuses = async (bytes: Buffer, reason: RegExp) => {
    await expectError(openVhd(files, write("bad.vhd", bytes)), "disk-unsupported", reason);
    expect(await checkVhd(files, at("bad.vhd"))).to.have.length(1);
  };
  const resum = (bytes: Buffer, from: number, to: number, field: number) => {
    bytes.writeUInt32BE(0, from + field);
    let sum = 0;
    for (const byte of bytes.subarray(from, to)) sum += byte;
    bytes.writeUInt32BE(~sum >>> 0, from + field);
    return bytes;
  };
  const withHeader = (change: (header: Buffer) => void, vhd = golden) => {
    const bytes = goldenSparse(vhd);
    change(bytes.subarray(512, 1536));
    return resum(bytes, 512, 1536, 36);
  };
  const withTable = (...entries: number[]) => {
    const bytes = Buffer.concat([
      goldenSparse(golden),
      Buffer.alloc(5 * MIB),
      goldenFooter(golden),
    ]);
    entries.forEach((sector, index) => bytes.writeUInt32BE(sector, 1536 + index * 4));
    return bytes;
  };

  it("are refused when they are no VHD at all", async () => {
    await refuses(Buffer.alloc(0), /not a VHD/);
    await refuses(Buffer.alloc(511), /not a VHD/);
    await refuses(Buffer.alloc(4096, 1), /not a VHD/);
    await refuses(goldenSparse(golden).subarray(0, 530), /sparse header is damaged/);
    await refuses(goldenSparse(golden).subarray(0, 1000), /does not fit into the file/);
  });

  it("are refused when a header lies", async () => {
    await refuses(
      withHeader((header) => header.writeUInt32BE(3 * MIB, 32)),
      /block size/,
    );
    await refuses(
      withHeader((header) => header.writeUInt32BE(4 * MIB, 32)),
      /block size/,
    );
    await refuses(
      withHeader((header) => header.writeUInt32BE(0, 32)),
      /block size/,
    );
    await refuses(
      withHeader((header) => header.writeUInt32BE(1, 28)),
      /too short for its disk/,
    );
    await refuses(
      withHeader((header) => header.writeUInt32BE(0xffffffff, 28)),
      /does not fit/,
    );
    await refuses(
      withHeader((header) => header.writeBigUInt64BE(1n << 60n, 16)),
      /damaged/,
    );
    await refuses(
      withHeader((header) => header.writeBigUInt64BE(1n << 40n, 16)),
      /does not fit/,
    );
    await refuses(
      withHeader((header) => header.writeBigUInt64BE(0n, 16)),
      /in its header/,
    );
    await refuses(
      withHeader((header) => {
        header.write("MacX", 576);
        header.writeUInt32BE(0xffffffff, 576 + 8);
      }),
      /path to its parent/,
    );
  });

  it("are refused when blocks overlap or lie elsewhere", async () => {
    await refuses(withTable(0), /same place as its tables/);
    await refuses(withTable(3), /same place as its tables/);
    await refuses(withTable(100, 100), /same place/);
    await refuses(withTable(100, 4000), /same place/);
    await refuses(withTable(0xfffffffe), /outside of the file/);
  });

  it("are read from one good footer", async () => {
    const start = goldenSparse(golden);
    start.fill(0, 0, 512);
    const image = await openVhd(files, write("start.vhd", start));
    await image.layer.close();
    expect(image.footer.uuid).to.equal(golden.uuid);
    expect(await checkVhd(files, at("start.vhd"))).to.match(/no copy of its footer/);
    expect(await repairVhd(files, at("start.vhd"))).to.equal(true);
    expect(readFileSync(at("start.vhd")).equals(goldenSparse(golden))).to.equal(true);
  });

  it("are read with a footer of 511 bytes, which becomes whole", async () => {
    const bitmap = Buffer.alloc(512, 0xff);
    const blocks = [{ index: 1, bitmap, data: Buffer.alloc(2 * MIB, 5) }];
    const path = write("old.vhd", goldenSparse({ ...golden, blocks, shortFooter: true }));
    const image = await openVhd(files, path);
    await image.layer.close();
    expect(image.kind === "sparse" && image.footerMissing).to.equal(false);
    await changeIdentity(files, path, { uuid: golden.uuid });
    expect(readFileSync(path).equals(goldenSparse({ ...golden, blocks }))).to.equal(true);
  });

  it("lose nothing when the trailing footer was never written", async () => {
    await makeDynamic(at("leaf.vhd"), SIZE);
    const full = Buffer.alloc(2 * MIB, 0x5a);
    writeAsGuest(at("leaf.vhd"), "vhd", 2 * MIB, full, { dies: true });
    const kept = readAsGuest(at("leaf.vhd"), "vhd");
    expect(await checkVhd(files, at("leaf.vhd"))).to.match(/no trailing footer/);
    expect(await repairVhd(files, at("leaf.vhd"))).to.equal(true);
    expect(await repairVhd(files, at("leaf.vhd"))).to.equal(false);
    expect(await checkVhd(files, at("leaf.vhd"))).to.deep.equal([]);
    expect(readAsGuest(at("leaf.vhd"), "vhd").equals(kept)).to.equal(true);
    expect(kept.subarray(2 * MIB, 4 * MIB).equals(full)).to.equal(true);
  });

  it("are refused when they were cut off in the last block", async () => {
    await makeDynamic(at("cut.vhd"), SIZE);
    writeAsGuest(at("cut.vhd"), "vhd", 0, Buffer.alloc(2 * MIB, 7), { dies: true });
    const good = readFileSync(at("cut.vhd"));
    await refuses(good.subarray(0, good.length - 512), /cut off/);
    await refuses(good.subarray(0, good.length - MIB), /cut off/);
  });

  it("are read when the guest has not written to the end of the last block yet", async () => {
    await makeDynamic(at("short.vhd"), SIZE);
    writeAsGuest(at("short.vhd"), "vhd", 0, Buffer.alloc(4096, 7), { dies: true });
    const good = readFileSync(at("short.vhd"));
    const image = await openVhd(
      files,
      write("short.vhd", good.subarray(0, good.length - 2 * MIB + 4096)),
    );
    await image.layer.close();
    expect(image.kind === "sparse" && image.footerMissing).to.equal(true);
  });

  it("are refused when the table has lost a block, or names one where none can be", async () => {
    const blocks = [
      { index: 0, bitmap: Buffer.alloc(512, 0xff), data: Buffer.alloc(2 * MIB, 5) },
      { index: 1, bitmap: Buffer.alloc(512, 0xff), data: Buffer.alloc(2 * MIB, 6) },
    ];
    const whole = goldenSparse({ ...golden, blocks });
    whole[2560] = 0xc0;
    whole.writeUInt32BE(~0xc0 >>> 0, 2048 + 24);
    const lost = Buffer.from(whole);
    lost.writeUInt32BE(0xffffffff, 1536);
    await refuses(lost, /has lost a block/);
    const beside = Buffer.from(whole);
    beside.writeUInt32BE(whole.readUInt32BE(1540) - 1, 1540);
    await refuses(beside, /where tapdisk places none/);
    const behind = Buffer.from(whole);
    behind.writeUInt32BE(whole.readUInt32BE(1540) + 8, 1540);
    await refuses(behind, /where its footer is/);
  });

  it("are refused while a change of their size is not finished", async () => {
    const other = goldenSparse(golden);
    goldenFooter({ ...golden, sizeBytes: 4 * MIB }).copy(other, other.length - 512);
    await refuses(other, /tell of different disks/);
    for (const place of ["start", "both"]) {
      const disabled = goldenSparse(golden);
      const places = place === "start" ? [0] : [0, disabled.length - 512];
      for (const from of places) {
        disabled.write("v_poison", from);
        resum(disabled, from, from + 512, 64);
      }
      await refuses(disabled, /'vhd-util resize' was interrupted/);
    }
  });

  it("are refused when no regular file has their name, and are not waited for", async () => {
    execFileSync("mkfifo", [at("fifo.vhd")]);
    for (const access of ["read", "write"] as const)
      await expectError(openVhd(files, at("fifo.vhd"), access), "image-missing", /neither a file/);
    await expectError(openVhd(files, "/dev/null"), "image-missing", /neither a file/);
  });

  it("lose what an interrupted merge left behind their last block", async () => {
    await makeDynamic(at("base.vhd"), SIZE);
    writeAsGuest(at("base.vhd"), "vhd", 0, Buffer.alloc(512, 3), { dies: true });
    const good = readFileSync(at("base.vhd"));
    const footer = good.subarray(0, 512);
    write("base.vhd", Buffer.concat([good, Buffer.alloc(100_000, 0xdd)]));
    await repairVhd(files, at("base.vhd"));
    expect(readFileSync(at("base.vhd")).equals(Buffer.concat([good, footer]))).to.equal(true);
  });

  it("are not misled by a footer that a guest wrote into its last sector", async () => {
    await makeDynamic(at("guest.vhd"), SIZE);
    const trap = Buffer.alloc(2 * MIB, 1);
    goldenFooter({ ...golden, type: 3, uuid: "66".repeat(16) }).copy(trap, 2 * MIB - 512);
    writeAsGuest(at("guest.vhd"), "vhd", 4 * MIB, trap, { dies: true });
    const image = await openVhd(files, at("guest.vhd"));
    await image.layer.close();
    expect(image.kind === "sparse" && image.footerMissing).to.equal(true);
    expect(image.footer.uuid).not.to.equal("66".repeat(16));
  });

  it("are refused where fixed and dynamic cannot be told apart", async () => {
    await makeDynamic(at("twofold.vhd"), SIZE);
    const trap = Buffer.alloc(2 * MIB, 1);
    goldenFooter({ ...golden, type: 2, sizeBytes: MIB }).copy(trap, 2 * MIB - 512);
    writeAsGuest(at("twofold.vhd"), "vhd", 4 * MIB, trap, { dies: true });
    await expectError(openVhd(files, at("twofold.vhd")), "disk-unsupported", /fixed VHD and as/);
  });

  it("are told apart from a fixed disk that holds a VHD", async () => {
    const inner = goldenSparse(golden);
    const content = Buffer.concat([inner, Buffer.alloc(MIB - inner.length)]);
    const footer = goldenFooter({ ...golden, type: 2, sizeBytes: MIB });
    const image = await openVhd(files, write("fixed.vhd", Buffer.concat([content, footer])));
    await image.layer.close();
    expect(image.kind).to.equal("fixed");
  });

  describe("in chains", () => {
    const makeChild = async (name: string, parentName: string, uuid?: string) => {
      const parent = await openVhd(files, at(parentName));
      await parent.layer.close();
      const link = { path: at(parentName), uuid: uuid ?? parent.footer.uuid, changedMs: 0 };
      write(name, formatEmptyVhd({ sizeBytes: SIZE, finalPath: at(name), parent: link }));
    };

    it("are refused when the parent is another file than before", async () => {
      await makeDynamic(at("base.vhd"), SIZE);
      await makeChild("child.vhd", "base.vhd");
      await makeDynamic(at("base.vhd"), SIZE);
      const error = await expectError(
        openChain(files, at("child.vhd"), "vhd"),
        "disk-unsupported",
        /another image than it was made of/,
      );
      expect(error.hint).to.include("right file");
      expect(await checkVhd(files, at("child.vhd"))).to.have.length(1);
    });

    it("are refused when the parent is missing", async () => {
      await makeDynamic(at("base.vhd"), SIZE);
      await makeChild("child.vhd", "base.vhd");
      await files.unlink(at("base.vhd"));
      await expectError(openChain(files, at("child.vhd"), "vhd"), "image-missing", /base\.vhd/);
    });

    it("are refused when they form a loop, also by another name", async () => {
      await makeDynamic(at("b.vhd"), SIZE);
      await makeChild("a.vhd", "b.vhd");
      await makeChild("b.vhd", "a.vhd");
      await expectError(
        openChain(files, at("a.vhd"), "vhd"),
        "disk-unsupported",
        /another image|its own ancestor/,
      );
      await makeDynamic(at("self.vhd"), SIZE, "77".repeat(16));
      symlinkSync(at("self.vhd"), at("other.vhd"));
      const uuid = "77".repeat(16);
      const parent = { path: at("other.vhd"), uuid, changedMs: 0 };
      write(
        "self.vhd",
        formatEmptyVhd({ sizeBytes: SIZE, uuid, finalPath: at("self.vhd"), parent }),
      );
      await expectError(openChain(files, at("self.vhd"), "vhd"), "disk-unsupported", /ancestor/);
    });

    it("are told when a relink was cut short", async () => {
      await makeDynamic(at("base.vhd"), SIZE);
      await makeChild("child.vhd", "base.vhd");
      const bytes = readFileSync(at("child.vhd"));
      bytes.writeUInt16BE("X".charCodeAt(0), 512 + 64);
      write("child.vhd", resum(bytes, 512, 1536, 36));
      expect((await checkVhd(files, at("child.vhd"))).join()).to.match(
        /calls its parent 'Xase.vhd'/,
      );
    });

    it("are refused when their paths lead to two parents", async () => {
      await makeDynamic(at("base.vhd"), SIZE);
      await makeDynamic(at("bass.vhd"), SIZE);
      await makeChild("child.vhd", "base.vhd");
      const bytes = readFileSync(at("child.vhd"));
      const name = bytes.indexOf(Buffer.from("base.vhd", "utf16le"), 1536);
      bytes.write("bass.vhd", name, "utf16le");
      write("child.vhd", bytes);
      await expectError(
        openChain(files, at("child.vhd"), "vhd"),
        "disk-unsupported",
        /two parents/,
      );
      expect(await findChildren(files, at("base.vhd"))).to.deep.equal([at("child.vhd")]);
      expect(await findChildren(files, at("bass.vhd"))).to.deep.equal([at("child.vhd")]);
    });

    it("are refused when the raw parent was written to since, until its time is put right", async () => {
      write("base.raw", Buffer.alloc(SIZE));
      const { changedMs = 0 } = (await files.identify(at("base.raw"))) ?? {};
      const parent = { path: at("base.raw"), changedMs };
      write("child.vhd", formatEmptyVhd({ sizeBytes: SIZE, finalPath: at("child.vhd"), parent }));
      await (await openChain(files, at("child.vhd"), "vhd")).close();
      utimesSync(at("base.raw"), new Date(), new Date(changedMs + 60_000));
      const { hint } = await expectError(
        openChain(files, at("child.vhd"), "vhd"),
        "disk-unsupported",
        /written to since/,
      );
      execFileSync("sh", ["-c", /touch [^']*/.exec(hint ?? "")?.[0] ?? "false"]);
      await (await openChain(files, at("child.vhd"), "vhd")).close();
    });

    it("are refused when an image has two identities", async () => {
      const bytes = goldenSparse(golden);
      goldenFooter({ ...golden, uuid: "34".repeat(16) }).copy(bytes, 0);
      await expectError(
        openChain(files, write("two.vhd", bytes), "vhd"),
        "disk-unsupported",
        /different UUIDs/,
      );
    });

    it("are told when the batmap promises too much", async () => {
      await makeDynamic(at("base.vhd"), SIZE);
      writeAsGuest(at("base.vhd"), "vhd", 0, Buffer.alloc(512));
      const bytes = readFileSync(at("base.vhd"));
      bytes[2560] = 0x80;
      write("base.vhd", bytes);
      expect(await checkVhd(files, at("base.vhd"))).to.match(/wrong checksum/);
      bytes.writeUInt32BE(~0x80 >>> 0, 2048 + 24);
      write("base.vhd", bytes);
      expect(await checkVhd(files, at("base.vhd"))).to.match(/calls block 0 full/);
    });
  });

  it("do not make the reader take memory for what they claim", async () => {
    const footer = goldenFooter({ ...golden, sizeBytes: 2 ** 51 });
    const bytes = withHeader((header) => header.writeUInt32BE(2 ** 30, 28));
    footer.copy(bytes, 0);
    footer.copy(bytes, bytes.length - 512);
    await refuses(bytes, /table of 1073741824 entries does not fit/);
  });
});
