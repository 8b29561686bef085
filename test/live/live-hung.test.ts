import { once } from "node:events";
import { connect } from "node:net";

import { mkdirSync, openSync, closeSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { expect } from "chai";
import { tryLock } from "fs-native-extensions";

import { patience } from "../../scripts/test-run/patience.cjs";
import { ensureBuilt } from "../../scripts/ensure-built.mjs";
import { identifyProcess } from "../../src/host/process-facts.js";
import { tryDomsnap } from "../e2e/support/run-domsnap.js";
import { LiveLab } from "./support/live-lab.js";

/** Longer than a start of the program takes, and shorter than any deadline at a monitor. */
const AT_ONCE_MS = patience(2500);

describe("a guest whose QEMU does not answer", function () {
  this.timeout(patience(240_000));
  let lab: LiveLab;
  before(ensureBuilt);
  beforeEach(async () => {
    lab = await LiveLab.open({ disks: 1 });
    await lab.wake();
  });
  afterEach(async () => {
    const { pid } = lab.guest;
    if (pid !== undefined) process.kill(pid, "SIGCONT");
    await lab.close();
  });

  const quickly = (...args: string[]) => {
    const begunMs = performance.now();
    const run = tryDomsnap(lab.uri, args);
    expect(run.stderr, args.join(" ")).to.equal("");
    expect(run.status, args.join(" ")).to.equal(0);
    expect(performance.now() - begunMs, args.join(" ")).to.be.below(AT_ONCE_MS);
    return run.stdout;
  };

  it("is read at once, and switched off by its process", async () => {
    await lab.service.create("guest", lab.document("s", { mode: "external" }), { diskOnly: true });
    const { pid = 0 } = lab.guest;
    process.kill(pid, "SIGSTOP");
    expect(quickly("snapshot-list", "guest", "--name")).to.equal("s\n");
    quickly("snapshot-dumpxml", "guest", "s");
    quickly("snapshot-current", "guest", "--name");
    expect(quickly("dumpxml", "guest")).to.contain("<name>guest</name>");
    const begunMs = performance.now();
    const { status, stderr } = tryDomsnap(lab.uri, ["destroy", "guest"]);
    expect(stderr).to.equal("");
    expect(status).to.equal(0);
    // A second for QEMU's answer, and two for what SIGTERM does.
    expect(performance.now() - begunMs).to.be.below(AT_ONCE_MS + 3000);
    expect(identifyProcess(pid)).to.equal(undefined);
    expect((await lab.find()).state).to.equal("shutoff");
  });

  it("is not killed by --graceful, and tells that it is still there", async () => {
    const { pid = 0 } = lab.guest;
    process.kill(pid, "SIGSTOP");
    const { status, stderr } = tryDomsnap(lab.uri, ["destroy", "guest", "--graceful"]);
    expect(stderr).to.contain(`Failed to terminate process ${pid} with SIGTERM`);
    expect(status).to.equal(1);
    expect(lab.guest.pid).to.equal(pid);
    // What it was told it does as soon as it can.
    process.kill(pid, "SIGCONT");
    while (identifyProcess(pid)) await sleep(20);
  });

  it("is switched off while others hold its monitors", async () => {
    const { run, pid = 0 } = lab.guest;
    const held = [run.monitor, run.queryMonitor].map((path) => connect(path));
    await Promise.all(held.map((socket) => once(socket, "data")));
    try {
      expect(quickly("snapshot-list", "guest", "--name")).to.equal("");
      expect(quickly("destroy", "guest")).to.equal("");
    } finally {
      for (const socket of held) socket.destroy();
    }
    expect(identifyProcess(pid)).to.equal(undefined);
  });

  describe("or whose change waits", () => {
    const records = () => {
      const folder = join(lab.folder, "snapshots", lab.guest.stored.uuid);
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      return folder;
    };

    it("is paused, let go on and switched off, whatever the journal holds", async () => {
      writeFileSync(join(records(), "journal"), "no journal\n", { mode: 0o600 });
      quickly("suspend", "guest");
      expect((await lab.find()).state).to.equal("paused");
      quickly("resume", "guest");
      expect((await lab.find()).state).to.equal("running");
      quickly("shutdown", "guest");
      quickly("destroy", "guest");
      expect((await lab.find()).state).to.equal("shutoff");
      expect(tryDomsnap(lab.uri, ["start", "guest"]).status).not.to.equal(0);
    });

    it("is switched off while somebody works on it, or something that was left", async () => {
      const lock = openSync(join(records(), "lock"), "w+", 0o600);
      try {
        expect(tryLock(lock)).to.equal(true);
        quickly("destroy", "guest");
      } finally {
        closeSync(lock);
      }
      expect((await lab.find()).state).to.equal("shutoff");
    });

    it("is exported without its images, which tells that something waits", async () => {
      await lab.service.create("guest", lab.document("s", { mode: "external" }), {
        diskOnly: true,
      });
      writeFileSync(join(records(), "journal"), "no journal\n", { mode: 0o600 });
      const to = join(lab.folder, "export");
      const { status, stderr } = tryDomsnap(lab.uri, ["export", "guest", to, "--to", "libvirt"]);
      expect(status, stderr).to.equal(0);
      expect(stderr).to.match(/journal/);
    });
  });
});
