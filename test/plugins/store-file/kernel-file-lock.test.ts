import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { expect } from "chai";

import { patience } from "../../../scripts/test-run/patience.cjs";
import { KernelFileLock } from "../../../src/plugins/store-file/index.js";
import { describeDomainLock, expectError, SAMPLE_UUID } from "../../../src/testing/index.js";
import { startChild } from "../support/child.js";
import { makeFolder } from "../support/state-folder.js";

describeDomainLock("KernelFileLock", async () => {
  const { path, dispose } = await makeFolder();
  return { lock: new KernelFileLock(join(path, "state")), dispose };
});

describe("KernelFileLock", () => {
  const locker = new URL("./lock-child.ts", import.meta.url);
  let state: string;
  let file: string;
  let lock: KernelFileLock;
  let dispose: () => Promise<void>;

  beforeEach(async () => {
    ({ path: state, dispose } = await makeFolder());
    file = join(state, SAMPLE_UUID, "lock");
    lock = new KernelFileLock(state);
  });
  afterEach(() => dispose());

  const tryOnce = () => lock.run(SAMPLE_UUID, { timeoutMs: 0 }, () => Promise.resolve("locked"));

  it("names the process that holds the lock, and outlives its death by kill -9", async () => {
    const child = startChild(locker, [state, SAMPLE_UUID, "60000"]);
    const [, pid] = (await child.line()).split(" ");
    await expectError(tryOnce(), "locked", new RegExp(`by process ${pid ?? "?"} on `));
    const waiting = lock.run(SAMPLE_UUID, { timeoutMs: patience(10_000) }, () =>
      Promise.resolve("waited"),
    );
    await child.kill("SIGKILL");
    expect(await waiting).to.equal("waited");
  });

  it("lets in one of several processes at a time", async () => {
    const children = [1, 2].map(() => startChild(locker, [state, SAMPLE_UUID, "3", "10"]));
    const visits = await Promise.all(
      children.map(async (child) => {
        const times: { inNs: bigint; outNs: bigint }[] = [];
        for (let visit = 0; visit < 10; visit++)
          times.push({ inNs: timeOf(await child.line()), outNs: timeOf(await child.line()) });
        await child.ended;
        return times;
      }),
    );
    const inOrder = visits.flat().sort((a, b) => (a.inNs < b.inNs ? -1 : 1));
    expect(inOrder).to.have.length(20);
    for (const [index, visit] of inOrder.entries())
      if (index > 0) expect(visit.inNs > (inOrder[index - 1]?.outNs ?? 0n)).to.equal(true);
  });

  it("makes two objects of one process wait for each other too", async () => {
    const other = new KernelFileLock(state);
    await other.run(SAMPLE_UUID, { timeoutMs: 0 }, async () => {
      await expectError(tryOnce(), "locked", new RegExp(`process ${process.pid} on`));
    });
    expect(await tryOnce()).to.equal("locked");
  });

  it("is not kept by a program that the owner started", async () => {
    await lock.run(SAMPLE_UUID, { timeoutMs: 0 }, async () => {
      const open = execFileSync("sh", ["-c", "ls -l /proc/self/fd"]).toString();
      expect(open).not.to.include(file);
      return Promise.resolve();
    });
  });

  it("works on when somebody has removed the file", async () => {
    expect(await tryOnce()).to.equal("locked");
    rmSync(file);
    await new KernelFileLock(state).run(SAMPLE_UUID, { timeoutMs: 0 }, async () => {
      await expectError(tryOnce(), "locked");
    });
  });

  it("does not write through a link", async () => {
    const secret = join(state, "secret");
    writeFileSync(secret, "secret");
    mkdirSync(join(file, ".."));
    symlinkSync(secret, file);
    await expectError(tryOnce(), "system-error", /lock'/);
    expect(readFileSync(secret, "utf8")).to.equal("secret");
  });

  it("refuses a uuid that is a path", async () => {
    const run = lock.run("../x", { timeoutMs: 0 }, () => Promise.resolve());
    await expectError(run, "invalid-argument");
  });
});

function timeOf(line: string): bigint {
  return BigInt(line.split(" ")[2] ?? "");
}
