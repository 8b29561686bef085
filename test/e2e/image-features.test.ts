import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
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

  describe("encryption", () => {
    const secret = ["--object", "secret,id=s0,data=abc"];
    const luks = "<encryption format='luks'><secret type='passphrase' usage='x'/></encryption>";

    /** Gives the guest's disk another definition. */
    function redefine(change: (xml: string) => string): void {
      guest.must("define", guest.file("changed.xml", change(guest.must("dumpxml", "guest"))));
    }
    const create = (disk: string) => ["snapshot-create", "guest", guest.document("s1", disk)];
    /** On a machine that is busy qemu-img gives up to measure how long a key takes: then again. */
    const make = (name: string, ...args: string[]) => {
      for (let left = 20; ; left--) {
        rmSync(at(name), { force: true });
        const words = ["create", "-q", ...secret, ...args, at(name), "256K"];
        const { status, stderr } = spawnSync("qemu-img", words, { encoding: "utf8" });
        if (status === 0) return;
        if (left === 0 || !stderr.includes("accurate CPU usage")) throw new Error(stderr);
      }
    };

    for (const [how, method] of [
      ["LUKS", "luks"],
      ["AES", "aes"],
    ] as const)
      it(`a qcow2 image that is encrypted in itself gets no snapshot: ${how}`, () => {
        const quick = method === "luks" ? ",encrypt.iter-time=300" : "";
        const options = `encrypt.format=${method},encrypt.key-secret=s0${quick}`;
        make("disk0.img", "-f", "qcow2", "-o", options);
        const reason = new RegExp(`disk0\\.img' cannot be used: it is encrypted \\(${how}\\)`);
        for (const disk of [OVERLAY, INSIDE]) {
          const { status, stderr } = guest.run(create(disk));
          expect(stderr).to.match(reason);
          expect(status).to.equal(1);
        }
        expect(guest.listFiles().join()).not.to.contain("disk0.s1");
        make("top.img", "-f", "qcow2", "-b", at("disk0.img"), "-F", "qcow2");
        redefine((xml) => xml.replace("disk0.img", "top.img"));
        expect(guest.run(create(OVERLAY)).stderr, "below").to.match(reason);
      });

    it("an image whose definition tells of it gets no overlay and no snapshot inside", () => {
      redefine((xml) =>
        xml.replace(/<source file='([^']*)'\/>/, `<source file='$1'>${luks}</source>`),
      );
      const before = guest.must("dumpxml", "guest");
      for (const disk of [OVERLAY, INSIDE]) {
        const { status, stderr } = guest.run(create(disk));
        expect(stderr).to.match(/disk 'vda' is encrypted by the host \(<encryption>\)/);
        expect(status).to.equal(1);
      }
      expect(guest.must("dumpxml", "guest")).to.equal(before);
    });

    it("a raw image is copied as it is, and its definition comes back with the state", () => {
      make("disk0.img", "-f", "luks", "-o", "key-secret=s0,iter-time=300");
      redefine((xml) =>
        xml
          .replace("type='qcow2'", "type='raw'")
          .replace(/<source file='([^']*)'\/>/, `<source file='$1'>${luks}</source>`),
      );
      const copy = "<disk name='vda' snapshot='external'><driver type='raw'/></disk>";
      const before = guest.must("dumpxml", "guest");
      const content = readFileSync(at("disk0.img"));
      guest.must(...create(copy));
      expect(readFileSync(at("disk0.s1")).equals(content)).to.equal(true);
      writeFileSync(at("disk0.img"), Buffer.alloc(content.length, 3));
      guest.must("snapshot-revert", "guest", "s1");
      expect(readFileSync(at("disk0.img")).equals(content)).to.equal(true);
      expect(guest.must("dumpxml", "guest")).to.equal(before);
      expect(guest.must("snapshot-dumpxml", "guest", "s1")).to.contain(
        "<encryption format='luks'>",
      );
    });

    it("what a guest has encrypted by itself is a content like any other", () => {
      make("disk0.img", "-f", "luks", "-o", "key-secret=s0,iter-time=300");
      redefine((xml) => xml.replace("type='qcow2'", "type='raw'"));
      guest.must(...create(OVERLAY));
      guest.must("snapshot-delete", "guest", "s1");
    });

    it("an overlay that is to be encrypted is refused, not made without", async () => {
      const wish = `<disk name='vda' snapshot='external'><source file='${at("o")}'>${luks}</source></disk>`;
      await refuses(/the file of snapshot disk 'vda' cannot be encrypted/, ...create(wish));
    });
  });
});
