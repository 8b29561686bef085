import { execFileSync } from "node:child_process";
import { join } from "node:path";

import { expect } from "chai";

import { patience } from "../../scripts/test-run/patience.cjs";
import { ensureBuilt } from "../../scripts/ensure-built.mjs";
import { SweepGuest } from "../sweep/support/sweep-guest.js";

const OVERLAY = "<disk name='vda' snapshot='external'/>";
const INSIDE = "<disk name='vda' snapshot='internal'/>";

/** What an image has that an operation could lose: told before anything is touched. */
describe("an image with something that a snapshot does not go with", function () {
  this.timeout(patience(120_000));
  let guest: SweepGuest;

  before(ensureBuilt);
  beforeEach(async () => {
    guest = await SweepGuest.make([{ driver: "qemu", format: "qcow2" }]);
  });
  afterEach(() => guest.remove());

  const at = (name: string) => join(guest.folder, name);

  async function refuses(reason: RegExp, ...args: string[]): Promise<void> {
    const before = await observe();
    for (const more of [["--dry-run"], []]) {
      const { status, stderr } = guest.run([...args, ...more]);
      expect(stderr, args.join(" ")).to.match(reason);
      expect(status).to.equal(1);
      expect(guest.hasJournal()).to.equal(false);
    }
    expect(await observe()).to.deep.equal(before);
  }

  /** The first command makes the folders for records, which stay. */
  async function observe() {
    const files = guest.listFiles().filter((name) => !name.startsWith("domains/snapshots"));
    return { ...(await guest.observe()), files };
  }

  describe("bitmaps for backups", () => {
    const add = (file: string) => {
      execFileSync("qemu-img", ["bitmap", "--add", file, "nightly"]);
    };
    const bitmapsOf = (file: string) =>
      execFileSync("qemu-img", ["info", "--output=json", file])
        .toString()
        .includes('"name": "nightly"');

    it("no overlay is put on it", async () => {
      add(at("disk0.img"));
      const document = guest.document("s1", OVERLAY);
      await refuses(
        /disk 'vda': image '.*disk0\.img' has bitmaps for backups \('nightly'\)/,
        "snapshot-create",
        "guest",
        document,
      );
    });

    it("an internal snapshot is taken and deleted, and not gone back to", async () => {
      add(at("disk0.img"));
      guest.must("snapshot-create", "guest", guest.document("s1", INSIDE));
      await refuses(/disk0\.img' has bitmaps.*\('nightly'\)/, "snapshot-revert", "guest", "s1");
      guest.must("snapshot-delete", "guest", "s1");
      expect(bitmapsOf(at("disk0.img"))).to.equal(true);
    });

    it("an overlay that has some is not merged away, and one on an image that has some is", async () => {
      guest.must("snapshot-create", "guest", guest.document("s1", OVERLAY));
      add(at("disk0.s1"));
      await refuses(
        /disk0\.s1' would be merged, but has.*'nightly'/,
        "snapshot-delete",
        "guest",
        "s1",
      );
      execFileSync("qemu-img", ["bitmap", "--remove", at("disk0.s1"), "nightly"]);
      add(at("disk0.img"));
      await guest.write(9);
      guest.must("snapshot-delete", "guest", "s1");
      expect(bitmapsOf(at("disk0.img"))).to.equal(true);
    });
  });
});
