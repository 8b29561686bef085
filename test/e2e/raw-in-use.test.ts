import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { expect } from "chai";

import { patience } from "../../scripts/test-run/patience.cjs";
import { ensureBuilt } from "../../scripts/ensure-built.mjs";
import { SweepGuest } from "../sweep/support/sweep-guest.js";

const COPY = "<disk name='vda' snapshot='external'><driver type='raw'/></disk>";

describe("a raw image that somebody has open", function () {
  this.timeout(patience(120_000));
  let guest: SweepGuest;

  before(ensureBuilt);
  beforeEach(async () => {
    guest = await SweepGuest.make([{ driver: "phy", format: "raw" }]);
    guest.must("snapshot-create", "guest", guest.document("s1", COPY));
    await guest.write(5);
  });
  afterEach(() => guest.remove());

  const at = (name: string) => join(guest.folder, name);

  async function whileOpen(
    [program, ...args]: readonly [string, ...string[]],
    path: string,
    work: () => void,
  ): Promise<void> {
    const user = spawn(program, args, { stdio: "ignore" });
    const { ino } = statSync(path);
    try {
      const lock = new RegExp(`OFDLCK.*:${String(ino)} 10[01] 10[1-4]`);
      while (!lock.test(readFileSync("/proc/locks", "utf8"))) {
        expect(user.exitCode, `${program} has ended`).to.equal(null);
        await sleep(20);
      }
      work();
    } finally {
      user.kill("SIGKILL");
      await once(user, "close");
    }
  }
  const qemu = (path: string) =>
    [
      "qemu-system-x86_64",
      ...["-S", "-display", "none", "-nodefaults"],
      ...["-drive", `file=${path},format=raw,if=virtio`],
    ] as const;

  function refuses(reason: RegExp, ...args: string[]): void {
    const { status, stderr } = guest.run(args);
    expect(stderr).to.match(reason);
    expect(status).to.equal(1);
    expect(guest.hasJournal()).to.equal(false);
  }

  for (const [what, command] of [
    ["a QEMU", (path: string) => qemu(path)],
    [
      "a network block device",
      (path: string) => ["qemu-nbd", "-f", "raw", "-k", `${path}.socket`, path] as const,
    ],
  ] as const)
    it(`is not copied, replaced or removed: ${what}`, async () => {
      const before = await guest.observe();
      const s2 = guest.document("s2", COPY);
      await whileOpen(command(at("disk0.img")), at("disk0.img"), () => {
        refuses(/disk0\.img' is in use/, "snapshot-create", "guest", s2);
        refuses(/disk0\.img' is in use/, "snapshot-create", "guest", s2, "--dry-run");
        refuses(/disk0\.img' is in use/, "snapshot-revert", "guest", "s1");
        // Only the copy goes.
      });
      await whileOpen(command(at("disk0.s1")), at("disk0.s1"), () => {
        refuses(/disk0\.s1' is in use/, "snapshot-delete", "guest", "s1");
        refuses(/disk0\.s1' is in use/, "snapshot-revert", "guest", "s1");
        refuses(/disk0\.s1' is in use/, "export", "guest", guest.output, "--images");
      });
      execFileSync("rm", ["-rf", guest.output, at("disk0.img.socket"), at("disk0.s1.socket")]);
      expect(await guest.observe()).to.deep.equal(before);
      guest.must("snapshot-revert", "guest", "s1");
      guest.must("snapshot-delete", "guest", "s1");
    });

  it("is not copied or replaced below a loop device", async () => {
    const before = await guest.observe();
    const device = execFileSync("losetup", ["--find", "--show", at("disk0.img")], {
      encoding: "utf8",
    });
    try {
      refuses(/loop device/, "snapshot-create", "guest", guest.document("s2", COPY));
      refuses(/loop device/, "snapshot-revert", "guest", "s1");
    } finally {
      execFileSync("losetup", ["--detach", device.trim()]);
    }
    expect(await guest.observe()).to.deep.equal(before);
  });
});
