import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { expect } from "chai";

import { patience } from "../../../scripts/test-run/patience.cjs";
import { GuestWatch, type LastWill } from "../../../src/clients/guardian/index.js";
import { prepareMigration, QmpClient, startMigration } from "../../../src/clients/qmp/index.js";
import { identifyProcess, type ProcessIdentity } from "../../../src/host/process-facts.js";
import { whileHolding } from "../../../src/host/held-lock.js";
import { fakeAgent } from "../../live/support/fake-agent.js";
import { testFolder } from "../../support/images/folder.js";
import { guardiansOf } from "../../support/guardians.mjs";
import { startIdleQemu, type IdleQemu } from "../qmp/support/idle-qemu.js";

/** The longest that a guest stays paused when whoever stopped it has died. */
const PROMISED_MS = patience(2000);

describe("a guardian", () => {
  let qemu: IdleQemu;
  let identity: ProcessIdentity;
  let watch: GuestWatch;

  beforeEach(async () => {
    qemu = await startIdleQemu("-machine", "pc", "-m", "64");
    const found = identifyProcess(qemu.process.pid ?? 0);
    if (!found) throw new Error("QEMU is gone");
    identity = found;
    watch = new GuestWatch();
    await at((client) => client.execute("cont"));
  });
  afterEach(async () => {
    await watch.end("cont");
    await watch.end("thaw");
    await qemu.stop();
  });

  const at = async <Result>(work: (client: QmpClient) => Promise<Result>): Promise<Result> => {
    const client = await QmpClient.connect(qemu.socket);
    try {
      return await work(client);
    } finally {
      client.close();
    }
  };
  const status = () =>
    at(async (client) => ((await client.execute("query-status")) as { status: string }).status);
  const stop = () => at((client) => client.execute("stop"));
  const monitor = () => ({ qemu: identity, monitor: qemu.socket });

  const ended = async () => {
    while (guardiansOf(process.pid).length > 0) await sleep(5);
  };

  /** What our death is to it; resolves when it has ended. */
  const die = async () => {
    watch.pipe?.end();
    await ended();
  };

  it("lets a paused guest go on", async () => {
    await watch.begin({ cont: monitor() });
    await stop();
    const diedMs = performance.now();
    await die();
    expect(performance.now() - diedMs).to.be.below(PROMISED_MS);
    expect(await status()).to.equal("running");
  });

  it("waits for the monitor that somebody holds, and for what was sent to it before", async () => {
    await watch.begin({ cont: monitor() });
    const client = await QmpClient.connect(qemu.socket);
    const dead = die();
    await sleep(300);
    await client.execute("stop");
    client.close();
    await dead;
    expect(await status()).to.equal("running");
  });

  it("gives up memory that is being saved while the guest is paused", async () => {
    await watch.begin({ cont: { ...monitor(), saving: true } });
    await at(async (client) => {
      await prepareMigration(client, { background: false });
      await client.execute("migrate-set-parameters", { "max-bandwidth": 1000 });
      await client.execute("stop");
      await startMigration(client, "exec:cat >/dev/null");
    });
    await die();
    expect(await status()).to.equal("running");
    const reply = await at((client) => client.execute("query-migrate"));
    expect(reply).to.include({ status: "cancelled" });
  });

  it("lets a guest go on whose memory was saved to the end", async () => {
    await watch.begin({ cont: { ...monitor(), saving: true } });
    await at(async (client) => {
      await prepareMigration(client, { background: false });
      await startMigration(client, "exec:cat >/dev/null");
    });
    while ((await status()) !== "postmigrate") await sleep(20);
    await die();
    expect(await status()).to.equal("running");
  });

  for (const [what, will] of Object.entries<(own: ReturnType<typeof monitor>) => LastWill>({
    "of another QEMU with the number": (own) => ({
      cont: { ...own, qemu: { ...own.qemu, startTicks: "1" } },
    }),
    "that it was not told of": () => ({}),
  }))
    it(`leaves a guest ${what} as it is`, async () => {
      await watch.begin(will(monitor()));
      await stop();
      await die();
      expect(await status()).to.equal("paused");
    });

  it("leaves a guest as it is that is to stay paused for now", async () => {
    await watch.begin({ cont: monitor() });
    await stop();
    await watch.suspend("cont");
    await die();
    expect(await status()).to.equal("paused");
  });

  it("ends without a deed when the guest goes on", async () => {
    await watch.begin({ cont: monitor() });
    await watch.end("cont");
    // Somebody pauses the guest right after that.
    await stop();
    await ended();
    expect(await status()).to.equal("paused");
  });

  it("thaws through the agent what is frozen, and asks before", async () => {
    const path = join(qemu.folder, "agent");
    for (const state of ["frozen", "thawed"] as const) {
      await rm(`${path}.real`, { force: true });
      const agent = await agentAt(path, state);
      await watch.begin({ thaw: { qemu: identity, agent: path } });
      await die();
      expect(agent.commands.filter((name) => name.includes("thaw")).length).to.equal(
        state === "frozen" ? 1 : 0,
      );
      expect(agent.commands).to.include("guest-fsfreeze-status");
      await agent.close();
    }
  });

  it("does at once what we live and cannot do when the lock is let go", async () => {
    await whileHolding([0], async () => {
      await watch.begin({ cont: monitor() });
      await stop();
    });
    expect(guardiansOf(process.pid)).to.deep.equal([]);
    expect(await status()).to.equal("running");
  });
});

/** Stands in for xl on a host without Xen; the real one is tried in `test/xen`. */
const XL = `#!/bin/sh
cd "$(dirname "$0")"
case "$1" in
list) printf 'Name  ID Mem VCPUs State Time(s)\\n%s\\n' "$(cat row)" ;;
unpause) echo "$2" >>unpaused; echo 'a b  7 128 1 -b---- 3.9' >row ;;
esac
`;

describe("a guardian of a guest of Xen", () => {
  const folder = testFolder();
  const path = process.env["PATH"];
  const watch = new GuestWatch();
  const sleepers: ChildProcess[] = [];

  beforeEach(() => {
    writeFileSync(folder.file("xl"), XL, { mode: 0o755 });
    process.env["PATH"] = `${folder.path}:${path}`;
  });
  afterEach(async () => {
    process.env["PATH"] = path;
    for (const sleeper of sleepers.splice(0)) sleeper.kill("SIGKILL");
    await watch.end("unpause");
  });

  const unpaused = () => {
    const log = folder.file("unpaused");
    return existsSync(log) ? readFileSync(log, "utf8") : "";
  };

  /** Dies while xl says this of the guest; gives the domains that were let go on. */
  const dieAt = async (row: string) => {
    writeFileSync(folder.file("row"), row);
    const sleeper = spawn("sleep", ["600"]);
    sleepers.push(sleeper);
    sleeper.kill("SIGSTOP");
    const identity = identifyProcess(sleeper.pid ?? 0);
    await watch.begin({ unpause: { id: 7, sleepers: identity ? [identity] : [] } });
    watch.pipe?.end();
    while (guardiansOf(process.pid).length > 0) await sleep(5);
    const stat = readFileSync(`/proc/${sleeper.pid}/stat`, "utf8");
    return { unpaused: unpaused(), isAwake: !stat.includes(") T ") };
  };

  it("unpauses it, and wakes who was not to see its suspension", async () => {
    expect(await dieAt("a b  7 128 1 --p--- 3.9")).to.deep.equal({
      unpaused: "7\n",
      isAwake: true,
    });
  });

  it("leaves one that runs, is gone, or is suspended by a save that was cut off", async () => {
    const nothing = { unpaused: "", isAwake: true };
    expect(await dieAt("a b  7 128 1 -b---- 3.9")).to.deep.equal(nothing);
    expect(await dieAt("")).to.deep.equal(nothing);
    expect(await dieAt("a b  7 128 1 ---s-- 3.9")).to.deep.equal({ ...nothing, isAwake: false });
  });

  it("waits for an xl that is still at work on it", async () => {
    writeFileSync(folder.file("row"), "a b  7 128 1 --p--- 3.9");
    const script = `
      import { GuestWatch } from "${process.cwd()}/src/clients/guardian/index.js";
      import { runTool } from "${process.cwd()}/src/host/run-tool.js";
      const watch = new GuestWatch();
      await watch.begin({ unpause: { id: 7, sleepers: [] } });
      const onOutput = () => process.kill(process.pid, "SIGKILL");
      await runTool("sh", ["-c", "echo; sleep 2"], { keepsOpen: watch.pipe, onOutput });`;
    const args = ["--import", "tsx/esm", "--input-type=module", "-e", script];
    const began = spawn(process.execPath, args, { stdio: "inherit" });
    const [, signal] = (await once(began, "exit")) as [unknown, string];
    expect(signal).to.equal("SIGKILL");
    await sleep(300);
    expect(unpaused()).to.equal("");
    const deadlineMs = performance.now() + patience(10_000);
    while (unpaused() === "" && performance.now() < deadlineMs) await sleep(20);
    expect(unpaused()).to.equal("7\n");
  });
});

async function agentAt(path: string, status: "frozen" | "thawed") {
  await writeFile(path, "");
  return fakeAgent(path, { status, garbage: '{"return":\n', thaw: 1 });
}
