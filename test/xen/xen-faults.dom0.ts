import "reflect-metadata";

import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { expect } from "chai";

import { patience } from "../../scripts/test-run/patience.cjs";
import { Xl } from "../../src/clients/xl/index.js";
import { expectError } from "../../src/testing/expect-error.js";
import { guardiansOf } from "../support/guardians.mjs";
import { LabGuest, run } from "./support/lab-guest.js";
import { useWrittenGuest } from "./support/written-guest.js";

const STATE = "/var/lib/xen/snapshots";
const PROGRAM = join(process.cwd(), "bin/domsnap.cjs");
const DOCUMENT = "/var/lib/xen/images/faults.xml";
const WINDOW_TIMEOUT_MS = patience(40_000);
/** The longest that a guest stays paused when whoever paused it has died. */
const PROMISED_MS = patience(2000);

const snapshot = (name: string, mode: string) => `<domainsnapshot><name>${name}</name><disks>
  <disk name='xvda' snapshot='${mode}'/><disk name='xvdb' snapshot='${mode}'/></disks></domainsnapshot>`;

/** Runs in dom0 of the Xen lab (`npm run test:xen`), with one guest for all tests. */
describe("a running Xen guest when something fails", function () {
  this.timeout(patience(300_000));

  const xl = new Xl();
  const guest = new LabGuest("faults", "30000000-1c1d-4e5f-8a6b-0123456789ab", [
    { vdev: "xvda", format: "qcow2" },
    { vdev: "xvdb", format: "qcow2" },
  ]);
  const { name } = guest;
  const images = ["xvda", "xvdb"].map((vdev) => guest.image(vdev));
  const socket = () => `/run/xen/qmp-libxenstat-${guest.id}`;
  const lab = useWrittenGuest(guest);

  /** All is as if nothing had been tried, and the guest goes on. */
  async function expectUntouched(): Promise<void> {
    expect((await lab.service.findDomain(name)).state).to.equal("running");
    expect((await lab.service.list(name)).heads).to.deep.equal([]);
    expect(guest.storedImages()).to.deep.equal(images);
    expect(guest.configuredImages()).to.deep.equal(images);
    const left = readdirSync(join(STATE, guest.uuid)).filter((file) => /save|journal/.test(file));
    expect(left).to.deep.equal([]);
    for (const image of images) {
      expect(run("qemu-img", "info", "-U", image)).not.to.include("Snapshot list");
      for (const snapshotName of ["in", "over"])
        expect(existsSync(image.replace(/img$/, snapshotName))).to.equal(false);
    }
    await lab.expectCoherent();
  }

  it("does not know a domain that is not there", async () => {
    await expectError(lab.service.create("nosuch", snapshot("in", "internal"), {}), "no-domain");
  });

  it("does not save the memory of a paused guest, and takes its disks", async () => {
    await lab.service.switchPower(name, { verb: "suspend" });
    const withMemory = lab.service.create(name, snapshot("in", "internal"), {});
    await expectError(withMemory, "operation-invalid", /has to be running/);
    await lab.service.create(name, snapshot("over", "external"), { diskOnly: true });
    expect((await lab.service.findDomain(name)).state).to.equal("paused");
    await lab.service.switchPower(name, { verb: "resume" });
    await lab.service.delete(name, "over", {});
    await expectUntouched();
  });

  it("goes on when the memory cannot be written", async () => {
    await expectError(xl.saveAndPause(guest.id, "/dev/full"), "no-space");
    await expectError(xl.saveAndPause(guest.id, "/nosuch/file"), "tool-failed");
    writeFileSync(DOCUMENT, snapshot("over", "external"));
    const limited = ["prlimit", "--fsize=20000000", "node", PROGRAM];
    const memory = ["--memspec", `/var/lib/xen/images/limited.mem`];
    const words = [...limited, "snapshot-create-as", name, "over", ...memory];
    const { status, stderr } = await ended(start(words));
    expect(status, stderr).to.equal(1);
    expect(existsSync("/var/lib/xen/images/limited.mem")).to.equal(false);
    await expectUntouched();
  });

  const goesOn = () =>
    until(
      "the guest's going on",
      async () => (await xl.find(guest.id))?.state.paused === false,
      PROMISED_MS,
    );

  it("goes on when the save ends whose domsnap was killed", async () => {
    const words = ["--memspec", "/var/lib/xen/images/killed.mem"];
    const child = start(["node", PROGRAM, "snapshot-create-as", name, "over", ...words]);
    const finished = ended(child);
    await until("xl save", () => saves());
    child.kill("SIGKILL");
    await finished;
    await until("the end of xl save", () => !saves());
    await goesOn();
    await expectUntouched();
    expect(existsSync("/var/lib/xen/images/killed.mem")).to.equal(false);
  });

  for (const [mode, who] of [
    ["internal", "domsnap"],
    ["external", "domsnap"],
    ["external", "domsnap and its guardian"],
  ] as const)
    it(`goes on after ${who} was killed within the pause (${mode})`, async () => {
      const file = mode === "internal" ? "in" : "over";
      writeFileSync(DOCUMENT, snapshot(file, mode));
      const memory = mode === "external" ? ["--memspec", "/var/lib/xen/images/killed.mem"] : [];
      const words = ["node", PROGRAM, "snapshot-create-as", name, file, ...memory];
      const child = start(words);
      const finished = ended(child);
      // Whoever is at the socket first keeps domsnap waiting, within the guest's pause.
      await until("xl save", () => saves());
      const holder = await hold(socket());
      await until("the end of xl save", () => !saves());
      const stored = `/var/lib/xen/userdata-d.${guest.id}.${guest.uuid}.libxl-json`;
      if (mode === "external")
        await until("libxl's configuration", () => readFileSync(stored, "utf8").includes(".over"));
      if (who !== "domsnap")
        for (const pid of guardiansOf(child.pid ?? 0)) process.kill(pid, "SIGKILL");
      child.kill("SIGKILL");
      await finished;
      if (who === "domsnap") await goesOn();
      holder.destroy();
      expect((await xl.find(guest.id))?.state.paused).to.equal(who !== "domsnap");
      const { status, stderr } = await ended(start(["node", PROGRAM, "recover", name]));
      expect(status, stderr).to.equal(0);
      expect(existsSync("/var/lib/xen/images/killed.mem")).to.equal(false);
      await expectUntouched();
    });

  it("is made anew at its reboot after all that, and waited for meanwhile", async () => {
    await guest.reboot(async () => {
      // Nobody lists it, and xl is about to open its images.
      await lab.service.create(name, snapshot("over", "external"), { diskOnly: true });
      expect((await lab.service.findDomain(name)).state).to.equal("running");
    });
    await guest.startWriter();
    const overlays = images.map((image) => image.replace(/img$/, "over"));
    expect(guest.storedImages()).to.deep.equal(overlays);
    await lab.service.delete(name, "over", {});
    await expectUntouched();
  });

  it("is left alone when its QEMU cannot be reached", async () => {
    await lab.service.create(name, snapshot("in", "internal"), {});
    renameSync(socket(), `${socket()}.aside`);
    const refused = lab.service.create(name, snapshot("next", "internal"), {});
    await expectError(refused, "disk-unsupported", /has no socket/);
    // Its images look free to qemu-img, and are not.
    await expectError(lab.service.delete(name, "in", {}), "operation-failed", /has no socket/);
    renameSync(`${socket()}.aside`, socket());
    await lab.service.delete(name, "in", {});
    await expectUntouched();
  });

  it("is left alone when somebody else is at its socket", async () => {
    const holder = await hold(socket());
    const refused = lab.service.create(name, snapshot("in", "internal"), {});
    await expectError(refused, "disk-unsupported");
    holder.destroy();
    await expectUntouched();
  });
});

/** Whether an xl is saving a guest; no program is started for the question, so that it is quick. */
function saves(): boolean {
  return readdirSync("/proc").some((pid) => {
    try {
      // Debian's xl is a script that goes on as the xl of the running Xen.
      return /(^|\/)xl\0save\0/.test(readFileSync(`/proc/${pid}/cmdline`, "utf8"));
    } catch {
      return false;
    }
  });
}

function start([program = "", ...args]: readonly string[]): ChildProcess {
  return spawn(program, args, { stdio: ["ignore", "ignore", "pipe"] });
}

function ended(child: ChildProcess): Promise<{ status: number | null; stderr: string }> {
  let stderr = "";
  child.stderr?.on("data", (data: Buffer) => (stderr += data.toString()));
  return new Promise((resolve) => {
    child.once("close", (status) => {
      resolve({ status, stderr });
    });
  });
}

async function hold(path: string): Promise<Socket> {
  const socket = connect(path);
  await new Promise((resolve) => socket.once("data", resolve));
  return socket;
}

async function until(
  what: string,
  isSo: () => boolean | Promise<boolean>,
  timeoutMs = WINDOW_TIMEOUT_MS,
): Promise<void> {
  const deadlineMs = performance.now() + timeoutMs;
  for (;;) {
    try {
      if (await isSo()) return;
    } catch {
      // Not yet.
    }
    if (performance.now() > deadlineMs) throw new Error(`${what} did not come`);
    await sleep(20);
  }
}
