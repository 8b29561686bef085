import { execFileSync } from "node:child_process";
import { readFileSync, statSync, truncateSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { expect } from "chai";

import { patience } from "../../scripts/test-run/patience.cjs";
import { ensureBuilt } from "../../scripts/ensure-built.mjs";
import { FINDINGS, type Finding, type FindingCode } from "../../src/core/rules/index.js";
import { whileHeld } from "../support/images/holding-images.js";
import {
  editBytes,
  forgetBacking,
  leakCluster,
  markCorrupt,
  miscount,
} from "../support/images/qcow2-damage.js";
import { SweepGuest } from "../sweep/support/sweep-guest.js";

const OVERLAY = "<disk name='vda' snapshot='external'/>";
const COMMAND = /'((?:qemu-img|touch) [^']*)'/;

describe("check, of what is in images", function () {
  this.timeout(patience(300_000));
  let guest: SweepGuest;

  before(ensureBuilt);
  afterEach(() => guest.remove());

  const at = (name: string) => join(guest.folder, name);
  const findings = async (): Promise<Finding[]> => {
    const reports = await (await guest.service()).check("guest");
    return reports.flatMap((report) => report.findings);
  };
  const found = async () => (await findings()).map(({ code }) => code);

  /** Does what a finding says, word for word; what it leaves open is put in. */
  const follow = ({ code, advice = FINDINGS[code].advice }: Finding, words: object = {}) => {
    let line = COMMAND.exec(advice)?.[1] ?? `echo no command in: ${advice} && false`;
    for (const [word, value] of Object.entries(words)) line = line.replace(word, String(value));
    execFileSync("sh", ["-c", line]);
  };
  const creating = (name: string) =>
    guest.run(["snapshot-create", "guest", guest.document(name, OVERLAY)]);

  describe("in qcow2", () => {
    beforeEach(async () => {
      guest = await SweepGuest.make([{ driver: "qemu", format: "qcow2" }]);
      guest.must("snapshot-create", "guest", guest.document("s1", OVERLAY));
      await guest.write(3);
    });

    for (const [what, code, damage, words] of [
      ["a mark of QEMU's that it is corrupt", "image-damaged", markCorrupt, {}],
      ["a count of references that is too low", "image-damaged", miscount(-1), {}],
      ["what a killed qemu-img leaves", "image-damaged", miscount(1), {}],
      ["clusters that belong to nothing", "image-leaks", leakCluster, {}],
      [
        "a base that is not named any more",
        "image-damaged",
        forgetBacking,
        { BASE: "disk0.img", FORMAT: "qcow2" },
      ],
    ] as readonly (readonly [string, FindingCode, (bytes: Buffer) => void, object])[])
      it(`tells of ${what}, and its advice ends that`, async () => {
        editBytes(at("disk0.s1"), damage);
        const finding = (await findings()).find((one) => one.code === code);
        if (!finding) throw new Error(`only found: ${(await found()).join()}`);
        expect(finding.subject).to.equal(at("disk0.s1"));
        const before = readFileSync(at("disk0.s1"));
        if (code === "image-damaged") expect(creating("s2").status).to.equal(1);
        expect(readFileSync(at("disk0.s1")).equals(before)).to.equal(true);
        if (what.includes("too low")) {
          // Only a copy that is kept helps against that.
          execFileSync("qemu-img", ["check", "-q", "-r", "all", "-f", "qcow2", at("disk0.s1")]);
        } else follow(finding, words);
        expect(await found()).to.deep.equal([]);
        expect(creating("s2").status).to.equal(0);
      });

    it("refuses to merge a cut overlay, or into a cut base, and changes nothing", async () => {
      for (const name of ["disk0.s1", "disk0.img"]) {
        const whole = readFileSync(at(name));
        truncateSync(at(name), statSync(at(name)).size - 64 * 1024);
        expect(await found()).to.include("image-damaged");
        const { status, stderr } = guest.run(["snapshot-delete", "guest", "s1"]);
        expect(status).to.equal(1);
        expect(stderr).to.contain(at(name)).and.to.contain("cut off");
        expect(guest.hasJournal()).to.equal(false);
        writeFileSync(at(name), whole);
      }
      guest.must("snapshot-delete", "guest", "s1");
    });

    it("does not look through an image that a guest has open", async () => {
      editBytes(at("disk0.s1"), miscount(1));
      await whileHeld({ path: at("disk0.s1"), format: "qcow2" }, async () => {
        expect(await found()).to.deep.equal([]);
      });
    });
  });

  describe("in VHDs", () => {
    it("tells of a raw image that was written to below its overlay, and its advice ends that", async () => {
      guest = await SweepGuest.make([{ driver: "tap", format: "raw" }]);
      guest.must("snapshot-create", "guest", guest.document("s1", OVERLAY));
      await guest.write(3);
      const { mtime } = statSync(at("disk0.s1"));
      utimesSync(at("disk0.s1"), mtime, new Date(mtime.getTime() + 60_000));
      const [finding] = await findings();
      if (!finding) throw new Error("nothing is found");
      expect(finding.code).to.equal("image-damaged");
      for (const command of ["snapshot-delete", "snapshot-create"]) {
        const last = command === "snapshot-create" ? guest.document("s2", OVERLAY) : "s1";
        expect(guest.run([command, "guest", last]).status, command).to.equal(1);
      }
      follow(finding);
      expect(await found()).to.deep.equal([]);
      guest.must("snapshot-delete", "guest", "s1");
    });

    it("tells of one that was cut off, and nothing is put on it or merged from it", async () => {
      guest = await SweepGuest.make([{ driver: "tap", format: "vhd" }]);
      guest.must("snapshot-create", "guest", guest.document("s1", OVERLAY));
      await guest.write(3);
      const path = at("disk0.img");
      const whole = readFileSync(path);
      truncateSync(path, whole.length - 2 * 1024 * 1024);
      const held = await findings();
      expect(held.map(({ code }) => code)).to.deep.equal(["image-unreadable"]);
      const base = readFileSync(at("disk0.s1"));
      for (const args of [
        ["snapshot-delete", "guest", "s1"],
        ["snapshot-create", "guest", guest.document("s2", OVERLAY)],
      ]) {
        const { status, stderr } = guest.run(args);
        expect(status).to.equal(1);
        expect(stderr).to.contain("cut off");
      }
      expect(readFileSync(at("disk0.s1")).equals(base)).to.equal(true);
    });

    it("notes a footer that was never written, which the next snapshot writes", async () => {
      guest = await SweepGuest.make([{ driver: "tap", format: "vhd" }]);
      const path = at("disk0.img");
      truncateSync(path, statSync(path).size - 512);
      expect(await found()).to.deep.equal(["image-unfinished"]);
      expect(creating("s1").status).to.equal(0);
      expect(await found()).to.deep.equal([]);
    });
  });
});
