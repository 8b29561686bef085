import "reflect-metadata";

import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { expect } from "chai";

import { patience } from "../../scripts/test-run/patience.cjs";
import { LabGuest, run } from "./support/lab-guest.js";
import { useWrittenGuest } from "./support/written-guest.js";

const PROGRAM = join(process.cwd(), "bin/domsnap.cjs");
const CONFIG = "/var/lib/xen/images/snap.conf";

interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function domsnap(...words: readonly string[]): Ran {
  return spawnSync(process.execPath, [PROGRAM, ...words], { encoding: "utf8" });
}

function must(...words: readonly string[]): string {
  const { status, stdout, stderr } = domsnap(...words);
  expect(status, stderr).to.equal(0);
  return stdout;
}

/** Runs in dom0 of the Xen lab (`npm run test:xen`): the built program, with one guest at work. */
describe("domsnap's commands on a Xen host", function () {
  this.timeout(patience(300_000));

  const guest = new LabGuest("worker", "40000000-1c1d-4e5f-8a6b-0123456789ab", [
    { vdev: "xvda", format: "qcow2" },
    { vdev: "xvdb", format: "qcow2" },
  ]);
  const { name, uuid } = guest;
  const folder = `/var/lib/xen/snapshots/${uuid}`;
  const lab = useWrittenGuest(guest);

  it("take memory and all disks with xl's words, and tell how long the guest was paused", async () => {
    const said = must("xl", "snapshot-create", "-n", "first", name);
    expect(said).to.match(/^Domain snapshot first created\n/);
    expect(said).to.match(/The guest was paused for [\d.]+ ms/);
    expect(existsSync(join(folder, "first.save"))).to.equal(true);
    await lab.expectCoherent();
  });

  it("show it in the prototype's table", () => {
    const [header, line] = must("xl", "snapshot-list", name).split("\n");
    expect(header?.split(/ {2,}/)).to.deep.equal(["TAG", "NAME", "DATE", "STATE", "DISK ONLY"]);
    const [tag, snapshot, , state, diskOnly] = line?.split(/ {2,}/) ?? [];
    expect(tag).to.match(/^\d{10}$/);
    expect([snapshot, diskOnly]).to.deep.equal(["first", "No"]);
    expect(state).to.be.oneOf(["r----", "-b---"]);
  });

  it("say of --live what xl cannot do, and take a ConfigFile's snapshot all the same", async () => {
    writeFileSync(
      CONFIG,
      `name="second"\nsave="second.save"\ndisk=[ 'xvda=second-a,type=qcow2', 'xvdb=second-b,type=qcow2' ]\n`,
    );
    const { status, stderr } = domsnap("xl", "snapshot-create", CONFIG, "--live", name);
    expect(status, stderr).to.equal(0);
    expect(stderr).to.match(/^warning: .*is paused/);
    expect(readdirSync(folder)).to.include.members(["second.save", "second-a", "second-b"]);
    expect(guest.storedImages()).to.deep.equal(
      ["second-a", "second-b"].map((file) => join(folder, file)),
    );
    await lab.expectCoherent();
  });

  it("delete it while the guest runs", async () => {
    must("xl", "snapshot-delete", "-n", "second", name);
    expect(guest.storedImages()).to.deep.equal(guest.disks.map(({ vdev }) => guest.image(vdev)));
    expect(readdirSync(folder)).not.to.include.members(["second.save"]);
    await lab.expectCoherent();
  });

  it("keep the present state before a revert, and bring it back", async () => {
    await guest.sh("echo kept >/ram/word");
    const before = await guest.stamp();
    must("snapshot-revert", name, "first", "--keep-current");
    expect(await guest.sh("cat /ram/word 2>/dev/null")).to.equal("");
    expect(await guest.stamp()).to.be.lessThan(before);
    await lab.expectCoherent();
    const kept = must("snapshot-list", name, "--name").split("\n").find(isKept) ?? "";
    must("snapshot-revert", name, kept);
    expect(await guest.sh("cat /ram/word")).to.equal("kept");
    expect(await guest.stamp()).to.be.at.least(before);
    await lab.expectCoherent();
    must("snapshot-delete", name, kept);
  });

  it("go back with xl's words, to the same domain with another id", async () => {
    const { id } = guest;
    must("xl", "snapshot-revert", "-n", "first", name);
    expect(guest.id).not.to.equal(id);
    expect((await lab.service.findDomain(name)).uuid).to.equal(uuid);
    await lab.expectCoherent();
  });

  it("leave a reverted guest paused when asked to", async () => {
    must("xl", "snapshot-revert", "-n", "first", "-p", name);
    expect((await lab.service.findDomain(name)).state).to.equal("paused");
    must("resume", name);
    await lab.expectCoherent();
  });

  it("leave nothing of a deleted snapshot", () => {
    must("xl", "snapshot-delete", "-n", "first", name);
    expect(must("--quiet", "xl", "snapshot-list", name).trim()).to.equal("");
    expect(readdirSync(folder).filter((file) => file.startsWith("first"))).to.deep.equal([]);
    for (const { vdev } of guest.disks)
      expect(run("qemu-img", "info", "-U", guest.image(vdev))).not.to.include("Snapshot list");
  });

  it("fail as xl does, with a reason", () => {
    const { status, stderr } = domsnap("xl", "snapshot-revert", "-n", "nosuch", name);
    expect(status).to.equal(1);
    expect(stderr).to.include("nosuch");
  });
});

function isKept(name: string): boolean {
  return name.startsWith("before-revert-");
}
