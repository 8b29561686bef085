import { chownSync, lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";

import { expect } from "chai";

import { patience } from "../../scripts/test-run/patience.cjs";
import { ensureBuilt } from "../../scripts/ensure-built.mjs";
import { SweepGuest } from "../sweep/support/sweep-guest.js";

const USER = { uid: 1234, gid: 2345 };

/** Everything below a folder, with the folder itself. */
function filesBelow(folder: string): string[] {
  const below = readdirSync(folder, { recursive: true, encoding: "utf8" });
  return [folder, ...below.map((name) => join(folder, name))];
}

describe("the folders of another user, in which root works", function () {
  this.timeout(patience(300_000));
  let guest: SweepGuest;

  before(async () => {
    ensureBuilt();
    guest = await SweepGuest.make([
      { driver: "qemu", format: "qcow2" },
      { driver: "qemu", format: "raw" },
    ]);
    for (const path of filesBelow(guest.home)) chownSync(path, USER.uid, USER.gid);
  });
  after(() => guest.remove());

  const strangers = () =>
    filesBelow(guest.home).filter((path) => {
      const { uid, gid } = lstatSync(path);
      return uid !== USER.uid || gid !== USER.gid;
    });

  it("keep all that is made there for their owner", () => {
    expect(strangers()).to.deep.equal([]);
    const domsnap = (...words: string[]) => {
      guest.must(...words);
      expect(strangers(), words.join(" ")).to.deep.equal([]);
    };
    const copy = ["--diskspec", "vdb,snapshot=external,driver=raw"];
    domsnap("snapshot-create-as", "guest", "s1", "--disk-only", ...copy);
    domsnap("snapshot-create-as", "guest", "s2", "--disk-only", ...copy);
    domsnap("snapshot-revert", "guest", "s1");
    domsnap("snapshot-current", "guest", "s2");
    domsnap("snapshot-delete", "guest", "s2");
  });
});
