import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { expect } from "chai";

import { patience } from "../../scripts/test-run/patience.cjs";
import { ensureBuilt } from "../../scripts/ensure-built.mjs";
import { formatCheckedLine, parseCheckedLine } from "../../src/formats/own-files.js";
import { SweepGuest } from "../sweep/support/sweep-guest.js";

interface AbandonJson {
  readonly operations: readonly { readonly state: string }[];
  readonly files: readonly string[];
  readonly journal?: string;
  readonly executed: boolean;
  readonly error?: { readonly code: string; readonly message: string };
}

const CREATE = ["snapshot-create-as", "guest", "s1", "--disk-only", "--diskspec"];
const EXTERNAL = [...CREATE, "vda,snapshot=external"];
const WAY_OUT = "domsnap recover";

describe("an interrupted change that is given up", function () {
  this.timeout(patience(120_000));
  let guest: SweepGuest;

  before(ensureBuilt);
  beforeEach(async () => {
    guest = await SweepGuest.make([{ driver: "qemu", format: "qcow2" }]);
    guest.save();
  });
  afterEach(() => {
    guest.remove();
  });

  const state = () => join(guest.definitions, "snapshots", SweepGuest.uuid);
  const journal = () => join(state(), "journal");
  const abandon = (...words: string[]) => guest.run(["recover", "guest", "--abandon", ...words]);
  const json = (...words: string[]) =>
    JSON.parse(abandon("--json", ...words).stdout) as AbandonJson;
  /** What has no name yet goes with whoever takes the lock next. */
  const listed = () => guest.listFiles().filter((name) => !name.includes(".new "));
  const others = () => listed().filter((name) => !name.includes("journal"));
  const interruptAt = (index: number, args: readonly string[]) =>
    guest.runAmid(`${index}:kill`, args);

  it("shows what stays behind, asks, and keeps the journal where nobody reads it", async () => {
    const points = await guest.points(EXTERNAL);
    let seen = 0;
    for (let index = 4; index < points.length; index += 7) {
      guest.restore();
      await interruptAt(index, EXTERNAL);
      if (!guest.hasJournal()) continue;
      seen++;
      const text = readFileSync(journal());
      const before = listed();
      expect(abandon().status, points[index]).to.equal(1);
      const preview = json("--dry-run");
      expect(preview).to.include({ executed: false });
      expect(listed()).to.deep.equal(before);
      const done = json("--yes");
      expect(done.files).to.deep.equal(preview.files);
      for (const file of done.files) expect(existsSync(file), file).to.equal(true);
      const states = done.operations.map((one) => one.state).join(" ");
      expect(states).to.match(/^(done ?)*(begun ?)*(not-begun ?)*$/);
      expect(done.journal).to.match(/\/journal\.abandoned-\d{8}T\d{9}Z$/);
      expect(readFileSync(done.journal ?? "").equals(text)).to.equal(true);
      expect(others()).to.deep.equal(before.filter((name) => !name.includes("journal")));
      // The domain goes on, and nobody takes the journal for one.
      expect(guest.must("recover")).to.equal("");
      expect(guest.must("locks")).to.equal("");
      expect(guest.run(["check", "guest"]).stdout).not.to.include("abandoned");
      guest.must("snapshot-create-as", "guest", "s2", "--diskspec", "vda,snapshot=internal");
      guest.must("snapshot-delete", "guest", "s2");
      expect(existsSync(done.journal ?? "")).to.equal(true);
    }
    expect(seen).to.be.at.least(3);
  });

  it("is refused where nothing was interrupted", () => {
    const { status, stderr } = abandon("--yes");
    expect(status).to.equal(1);
    expect(stderr).to.include("no change of domain 'guest' was interrupted");
    expect(guest.run(["recover", "--abandon"]).stderr).to.include("--abandon needs a domain");
  });

  it("names the files that were made", async () => {
    const points = await guest.points(EXTERNAL);
    guest.restore();
    await interruptAt(
      points.findLastIndex((point) => point.includes("disk0.s1")),
      EXTERNAL,
    );
    const made = json("--dry-run").files;
    expect(made.map((path) => path.replace(/-[0-9a-f]{12}$/, ""))).to.satisfy(
      (paths: string[]) =>
        paths.length > 0 && paths.every((path) => path.startsWith(join(guest.folder, "disk0.s1"))),
    );
  });

  const DAMAGE: Readonly<Record<string, (text: string) => string>> = {
    truncated: (text) => text.slice(0, text.length / 4),
    "with a flipped bit": (text) => text.replace('"create"', '"cqeate"'),
    "of a newer version": (text) => {
      const [first = "", ...rest] = text.split("\n");
      const head = parseCheckedLine(first)?.replace(/"domsnapJournal":\d+/, '"domsnapJournal":99');
      return [formatCheckedLine(head ?? "").trimEnd(), ...rest].join("\n");
    },
    "that is a folder": () => "",
  };
  for (const [what, damage] of Object.entries(DAMAGE))
    it(`goes on with a journal ${what}`, async () => {
      const points = await guest.points(EXTERNAL);
      guest.restore();
      await interruptAt(Math.floor(points.length / 2), EXTERNAL);
      const text = damage(readFileSync(journal(), "utf8"));
      if (text === "") {
        rmSync(journal());
        execFileSync("mkdir", [journal()]);
      } else writeFileSync(journal(), text);
      for (const args of [EXTERNAL, ["recover"], ["undefine", "guest"]]) {
        const { status, stdout, stderr } = guest.run(args);
        expect(status, args[0]).to.equal(2);
        expect(stdout + stderr).to.include(journal());
        expect(stdout + stderr).to.include(`${WAY_OUT} ${SweepGuest.uuid} --abandon`);
      }
      const shown = abandon();
      expect(shown.status).to.equal(1);
      expect(shown.stdout).to.include(journal());
      const done = json("--yes");
      expect(done.error?.code).to.equal("recovery-failed");
      expect(readdirSync(state()).filter((name) => name.startsWith("journal"))).to.have.length(1);
      guest.must(...CREATE, "vda,snapshot=internal");
    });

  it("goes on in a folder that was restored from a backup, where every inode is another", async () => {
    guest.must(...EXTERNAL);
    guest.save();
    const remove = ["snapshot-delete", "guest", "s1"];
    const points = await guest.points(remove);
    let seen = 0;
    for (let index = 3; index < points.length && seen < 2; index += 3) {
      guest.restore();
      await interruptAt(index, remove);
      if (!guest.hasJournal()) continue;
      const backup = join(guest.home, "backup");
      execFileSync("cp", ["-a", guest.folder, backup]);
      rmSync(guest.folder, { recursive: true });
      execFileSync("cp", ["-a", backup, guest.folder]);
      rmSync(backup, { recursive: true });
      const { status, stdout } = guest.run(["recover"]);
      if (status === 0) continue;
      seen++;
      expect(stdout).to.include(`${WAY_OUT} guest --abandon`);
      expect(json("--yes").executed).to.equal(true);
      guest.must("snapshot-list", "guest");
      expect(guest.run(["recover"]).status).to.equal(0);
    }
    expect(seen).to.be.at.least(1);
  });

  it("is possible by the uuid when the definition is gone", async () => {
    const points = await guest.points(EXTERNAL);
    guest.restore();
    await interruptAt(Math.floor(points.length / 2), EXTERNAL);
    rmSync(join(guest.definitions, "guest.xml"));
    expect(abandon("--yes").status).to.equal(1);
    const { status } = guest.run(["recover", SweepGuest.uuid, "--abandon", "--yes"]);
    expect(status).to.equal(0);
    expect(guest.hasJournal()).to.equal(false);
  });
});
