import { execFileSync } from "node:child_process";
import { rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { expect } from "chai";

import { patience } from "../../scripts/test-run/patience.cjs";
import { ensureBuilt } from "../../scripts/ensure-built.mjs";
import { SweepGuest } from "../sweep/support/sweep-guest.js";

/** Holds the guest and one copy of its raw disk, but not two. */
const SIZE_BYTES = 1536 * 1024;

const COPY = "<disk name='vda' snapshot='external'><driver type='raw'/></disk>";
const NO_COPY = "<disk name='vda' snapshot='no'/>";
const INTERNAL = "<disk name='vdb' snapshot='internal'/>";
const OVERLAY = "<disk name='vdb' snapshot='external'/>";

describe("a file system that is full", function () {
  this.timeout(patience(120_000));
  let guest: SweepGuest;
  let filler: string;

  before(ensureBuilt);
  beforeEach(async () => {
    guest = await SweepGuest.make([
      { driver: "qemu", format: "raw" },
      { driver: "qemu", format: "qcow2" },
    ]);
    guest.save();
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${SIZE_BYTES}`, "tmpfs", guest.folder]);
    execFileSync("cp", ["-a", "--", `${join(guest.home, "saved")}/.`, guest.folder]);
    filler = join(guest.folder, "filler");
  });
  afterEach(() => {
    execFileSync("umount", [guest.folder]);
    guest.remove();
  });

  /** Leaves room for so many bytes. */
  const fill = (leftBytes: number) => {
    const { bavail, bsize } = statfsSync(guest.folder);
    writeFileSync(filler, Buffer.alloc(bavail * bsize - leftBytes, 1));
  };
  const take = (name: string, disks: string) =>
    guest.run(["snapshot-create", "guest", guest.document(name, disks)]);

  /** The first change makes folders that stay. */
  const withoutFiles = async () => {
    const { files: _files, ...rest } = await guest.observe();
    return rest;
  };
  const expectNoRemains = () =>
    expect(guest.listFiles().filter((name) => /partial|\.new|\.s1/.test(name))).to.deep.equal([]);

  it("is told with the numbers before anything is copied", async () => {
    fill(64 * 1024);
    const before = await withoutFiles();
    const { status, stderr } = take("s1", COPY + INTERNAL);
    expect(status, stderr).to.equal(1);
    expect(stderr).to.match(/not enough space .*: \d+ bytes needed, \d+ bytes available/);
    expect(await withoutFiles()).to.deep.equal(before);
    expectNoRemains();
  });

  for (const [title, disks] of [
    ["an internal snapshot", NO_COPY + INTERNAL],
    ["an overlay", NO_COPY + OVERLAY],
  ] as const)
    it(`leaves nothing of ${title}, however much of it fitted, and all works when there is room`, async () => {
      const before = await withoutFiles();
      let refused = 0;
      for (let leftBytes = 0; leftBytes <= 512 * 1024; leftBytes += 16 * 1024) {
        fill(leftBytes);
        const { status, stderr } = take("s1", disks);
        rmSync(filler);
        if (status === 0) break;
        refused++;
        expect(status, stderr).to.equal(1);
        expect(stderr).to.match(/[Nn]o space left|not enough space/);
        expect(guest.hasJournal()).to.equal(false);
        expect(await withoutFiles()).to.deep.equal(before);
        expectNoRemains();
      }
      expect(refused).to.be.greaterThan(0);
      expect((await (await guest.service()).list("guest")).heads).to.have.lengthOf(1);
      expect((await guest.inspect()).findings).to.deep.equal([]);
    });
});
