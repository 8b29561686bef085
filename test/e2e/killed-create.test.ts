import { expect } from "chai";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";

import { patience } from "../../scripts/test-run/patience.cjs";
import { ensureBuilt } from "../../scripts/ensure-built.mjs";
import { argumentsOf, identifyProcess } from "../../src/host/process-facts.js";
import { GuestLab, qemuImg } from "./support/guest-lab.js";

/** Long enough that a kill falls into the copy, the image's snapshot and the record alike. */
const RAW_BYTES = 64 * 1024 * 1024;
const ROUNDS = 16;

const DISKS =
  "<disk name='vda' snapshot='external'><driver type='raw'/></disk>" +
  "<disk name='vdb' snapshot='internal'/>";

describe("a create that is killed", function () {
  this.timeout(patience(180_000));
  let lab: GuestLab;

  before(async () => {
    ensureBuilt();
    lab = await GuestLab.create();
    writeFileSync(lab.raw, randomBytes(RAW_BYTES));
  });
  after(() => {
    lab.remove();
  });

  it("leaves the whole snapshot or nothing after the next command", async () => {
    const durationMs = await timeOfOneCreate(lab);
    const before = await lab.contents();
    const outcomes = new Set<string>();
    for (let round = 0; round < ROUNDS; round++) {
      const name = `round${String(round)}`;
      const child = lab.start("snapshot-create", "guest", lab.document(name, DISKS));
      await Promise.race([wait((durationMs * (round + 1)) / ROUNDS), once(child, "exit")]);
      child.kill("SIGKILL");
      if (child.exitCode === null && child.signalCode === null) await once(child, "exit");

      // Waits for what the killed process started; reading commands do so for a moment only.
      lab.domsnap("recover", "guest");
      const names = lab.domsnap("snapshot-list", "guest", "--name").split("\n");
      const exists = names.includes(name);
      outcomes.add(exists ? "whole" : "nothing");
      expect(await lab.contents()).to.deep.equal(before);
      if (exists) expect(await lab.contentsOf(name)).to.deep.equal(before);
      else expectNoTrace(lab, name);
      if (exists) lab.domsnap("snapshot-delete", "guest", name);
      expectNoTrace(lab, name);
    }
    expect(outcomes, "kills fell on both sides of the commit point").to.include("nothing");
  });

  it("leaves a copy at work, which recover --end-orphans ends before it goes on", async () => {
    const before = await lab.contents();
    for (let name = "left1"; ; name = `${name}1`) {
      const child = lab.start("snapshot-create", "guest", lab.document(name, DISKS));
      const copy = await stoppedCopyOf(child.pid ?? 0);
      child.kill("SIGKILL");
      await once(child, "exit");
      if (copy === undefined) {
        // It was too quick to be seen.
        lab.domsnap("recover", "guest");
        continue;
      }
      expect(lab.domsnap("locks")).to.contain(`(process ${String(copy)})`);
      expect(lab.domsnap("recover", "guest", "--end-orphans")).to.contain("rolled-back");
      expect(identifyProcess(copy)).to.equal(undefined);
      expectNoTrace(lab, name);
      expect(await lab.contents()).to.deep.equal(before);
      return;
    }
  });
});

/** The number of the cp or dd that a process has started, stopped from now on. */
async function stoppedCopyOf(parent: number): Promise<number | undefined> {
  const children = `/proc/${String(parent)}/task/${String(parent)}/children`;
  for (; existsSync(children); await wait(1))
    for (const pid of readFileSync(children, "utf8").split(" ").filter(Boolean).map(Number)) {
      const [program = ""] = argumentsOf(pid);
      if (!/^(cp|dd)$/.test(program)) continue;
      process.kill(pid, "SIGSTOP");
      if (identifyProcess(pid)) return pid;
    }
  return undefined;
}

async function timeOfOneCreate(lab: GuestLab): Promise<number> {
  const began = performance.now();
  const child = lab.start("snapshot-create", "guest", lab.document("timed", DISKS));
  await once(child, "exit");
  const durationMs = performance.now() - began;
  lab.domsnap("snapshot-delete", "guest", "timed");
  return durationMs;
}

function expectNoTrace(lab: GuestLab, name: string): void {
  const files = readdirSync(lab.folder, { recursive: true, encoding: "utf8" });
  const traces = files.filter(
    (file) =>
      (file.includes(name) && !file.endsWith(".document")) ||
      /partial|tmp|\.new$|journal/.test(file),
  );
  expect(traces).to.deep.equal([]);
  expect(qemuImg("info", "-f", "qcow2", lab.qcow2)).not.to.contain(name);
}
