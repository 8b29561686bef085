import { execFileSync, spawn } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

import { expect } from "chai";

import { patience } from "../../scripts/test-run/patience.cjs";
import type { ProgressEvent } from "../../src/core/execute/progress-event.js";
import { queryJobs } from "../../src/clients/qmp/index.js";
import { expectError } from "../../src/testing/index.js";
import { ensureBuilt } from "../../scripts/ensure-built.mjs";
import { LiveLab, type LabOptions } from "./support/live-lab.js";

const child = fileURLToPath(new URL("support/dying-child.mjs", import.meta.url));

describe("merges under a running guest's feet", function () {
  this.timeout(patience(240_000));
  let lab: LiveLab;
  before(ensureBuilt);
  afterEach(() => lab.close());

  const open = async (options: LabOptions) => {
    lab = await LiveLab.open(options);
    await lab.wake();
  };
  const take = async (name: string) => {
    const document = lab.document(name, { mode: "external" });
    await lab.service.create("guest", document, { diskOnly: true });
  };
  const overlays = () => readdirSync(lab.folder).filter((name) => /\.[a-z]$/.test(name));
  const backingOf = (path: string) => {
    const args = ["info", "-U", "--output=json", path];
    const info = JSON.parse(execFileSync("qemu-img", args, { encoding: "utf8" })) as object;
    return (info as { "full-backing-filename"?: string })["full-backing-filename"];
  };
  /** A guest on an overlay that holds more than the one below: cheaper to pull that up. */
  const openWithSmallMiddle = async () => {
    await open({ disks: 1, fileSystem: true });
    await take("a");
    await take("b");
    const written = lab.console.data;
    await lab.console.waitForData(written + 12);
  };

  it("go up into the overlay where that is cheaper, and no pause is needed", async () => {
    await openWithSmallMiddle();
    const [top = ""] = await lab.presentImages();
    const dry = await lab.service.delete("guest", "b", {}, { dryRun: true });
    const [operation] = dry.plans[0]?.after ?? [];
    if (operation?.kind !== "domain.merge") throw new Error("no merge is planned");
    const [step] = operation.disks;
    if (step?.into !== "overlay") throw new Error("the merge is not up into the overlay");
    expect(step.onto.path).to.equal(lab.disks[0]?.path);
    expect(step.base.path).to.match(/\.a$/);
    const { measures, warnings } = await lab.service.delete("guest", "b", {});
    expect(warnings).to.deep.equal([]);
    expect(measures?.downtimeMs).to.equal(0);
    expect(measures?.bytesWritten).to.be.within(1, step.bytes ?? 0);
    expect(await lab.presentImages()).to.deep.equal([top]);
    expect(backingOf(top)).to.equal(lab.disks[0]?.path);
    expect(overlays()).to.have.length(1);
    // The snapshot below, whose overlay has another name now, is as whole as before.
    const { disks } = await lab.service.get("guest", "a");
    expect(disks[0]?.source?.path).to.equal(top);
    await lab.console.waitForData(lab.console.data + 3);
    await lab.service.delete("guest", "a", {});
    expect(await lab.presentImages()).to.deep.equal([lab.disks[0]?.path]);
    expect(overlays()).to.deep.equal([]);
    await lab.guest.stop();
    for (const { path } of lab.disks) execFileSync("qemu-img", ["check", "-q", path]);
    await lab.boot(0);
    await lab.console.waitForData(2);
    expect(lab.console.text).not.to.include("no file system");
  });

  it("go up as well when QEMU dies in the middle, by what is done on the images then", async () => {
    await openWithSmallMiddle();
    const [top = ""] = await lab.presentImages();
    const { pid = 0 } = lab.guest;
    const relay = await lab.relay();
    relay.arm({ command: "job-dismiss", instead: () => process.kill(pid, "SIGKILL") });
    await expectError(lab.service.delete("guest", "b", {}), "unfinished");
    expect(relay.happened).to.equal(true);
    expect((await lab.service.list("guest")).heads.map(({ name }) => name)).to.deep.equal(["a"]);
    expect(backingOf(top)).to.equal(lab.disks[0]?.path);
    expect(overlays()).to.have.length(1);
    execFileSync("qemu-img", ["check", "-q", "-r", "leaks", top], { stdio: "pipe" });
  });

  it("tell how long the guest was paused, and what they copied", async () => {
    await open({ disks: 2 });
    await take("a");
    await lab.steps(3);
    const { measures } = await lab.service.delete("guest", "a", {});
    expect(measures?.downtimeMs).to.be.within(0.001, patience(20_000));
    expect(measures?.bytesWritten).to.be.greaterThan(0);
    await lab.expectHealthy();
  });

  it("warn of a guest that writes faster, stop on request, and go on later", async () => {
    await open({ disks: 1, fileSystem: true });
    await take("a");
    await lab.console.waitForData(lab.console.data + 20);
    const relay = await lab.relay();
    relay.arm({ command: "block-commit", rewrite: (args) => ({ ...args, speed: 16 * 1024 }) });
    const abort = new AbortController();
    const warnings: string[] = [];
    const onProgress = (event: ProgressEvent) => {
      if (event.type !== "warning") return;
      warnings.push(event.message);
      abort.abort();
    };
    const error = await expectError(
      lab.service.delete("guest", "a", {}, { signal: abort.signal, onProgress }),
      "unfinished",
    );
    expect(relay.happened).to.equal(true);
    expect(error.message).to.include("merging disk 'vda' was cancelled");
    expect(warnings[0]).to.include("the merge gets no nearer to its end");
    expect(await lab.guest.withMonitor(queryJobs)).to.deep.equal([]);
    expect((await lab.find()).state).to.equal("running");
    await lab.console.waitForData(lab.console.data + 3);
    // The next command goes on with it, at full speed.
    expect((await lab.service.list("guest")).heads).to.deep.equal([]);
    expect(await lab.presentImages()).to.deep.equal([lab.disks[0]?.path]);
    expect(overlays()).to.deep.equal([]);
    await lab.console.waitForData(lab.console.data + 3);
  });

  it("are carried through from wherever a killed domsnap left them, up and down", async () => {
    for (const [name, count] of [
      ["b", 1],
      ["a", 0],
    ] as const) {
      if (name === "b") await openWithSmallMiddle();
      const args = [lab.uri, "delete", name, "", "operation-progress", "domain.merge"];
      const domsnap = spawn(process.execPath, [child, ...args]);
      const [, signal] = (await once(domsnap, "exit")) as [number | null, string | null];
      expect(signal).to.equal("SIGKILL");
      await lab.console.waitForData(lab.console.data + 2);
      expect((await lab.service.list("guest")).heads).to.have.length(count);
      expect(overlays()).to.have.length(count);
      await lab.presentImages();
      await lab.console.waitForData(lab.console.data + 2);
    }
    expect(existsSync(lab.disks[0]?.path ?? "")).to.equal(true);
  });
});
