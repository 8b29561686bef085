import { expect } from "chai";

import { patience } from "../../scripts/test-run/patience.cjs";
import { ensureBuilt } from "../../scripts/ensure-built.mjs";
import { SweepGuest } from "../sweep/support/sweep-guest.js";

const KINDS = {
  "overlays of qcow2": [{ driver: "qemu", format: "qcow2" }, "vda,snapshot=external"],
  "overlays of VHD": [{ driver: "tap", format: "vhd" }, "vda,snapshot=external"],
  "a copy": [{ driver: "qemu", format: "raw" }, "vda,snapshot=external,driver=raw"],
  "a snapshot inside": [{ driver: "qemu", format: "qcow2" }, "vda,snapshot=internal"],
} as const;

describe("a delete that is killed", function () {
  this.timeout(patience(120_000));
  let guest: SweepGuest;
  before(ensureBuilt);
  afterEach(() => {
    guest.remove();
  });

  for (const [what, [kind, disk]] of Object.entries(KINDS))
    it(`is given up as long as nothing of ${what} is gone, and carried through then`, async () => {
      guest = await SweepGuest.make([kind]);
      const create = ["snapshot-create-as", "guest", "s1", "--disk-only", "--diskspec", disk];
      guest.must(...create);
      await guest.write(99);
      guest.save();
      const before = await guest.observe();
      const remove = ["snapshot-delete", "guest", "s1"];
      const points = await guest.points(remove);
      guest.restore();
      const outcomes = new Set<string>();
      for (let index = 0; index < points.length; index += 2) {
        await guest.runAmid(`${index}:kill`, remove);
        if (!guest.hasJournal()) {
          guest.restore();
          continue;
        }
        const { stdout } = guest.run(["recover"]);
        const [, outcome = ""] = /: (rolled-back|completed)\n/.exec(stdout) ?? [];
        outcomes.add(outcome);
        if (outcome === "rolled-back") {
          expect(await guest.observe(), points[index]).to.deep.equal(before);
          guest.must("snapshot-revert", "guest", "s1");
        } else expect(guest.must("snapshot-list", "guest", "--name"), points[index]).to.equal("");
        guest.restore();
      }
      expect([...outcomes].sort()).to.deep.equal(["completed", "rolled-back"]);
    });
});
