import { expect } from "chai";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { patience } from "../../scripts/test-run/patience.cjs";
import { chooseFiles, LONGEST } from "../../scripts/test-run/test-files.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const runner = fileURLToPath(new URL("../../scripts/run-tests.mjs", import.meta.url));
const CLOSING = /^\d+ passed, \d+ failed(, \d+ skipped)?$/m;
const STARTS_A_PROGRAM = `
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
const child = spawn("sleep", ["3600"], { stdio: "ignore", detached: true });
child.unref();
writeFileSync(new URL("pid", import.meta.url), String(child.pid));
`;

describe("the runner of the tests", () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "domsnap-runner-"));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  function file(name: string, text: string): string {
    const path = join(folder, `${name}.test.mjs`);
    writeFileSync(path, text);
    return path;
  }

  function start(words: readonly string[], env: NodeJS.ProcessEnv = {}) {
    const child = spawn(process.execPath, [runner, ...words], {
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    return { child, ended: outcome(child) };
  }

  it("counts, gives reasons, and says in its last line how it went", async () => {
    const good = file("good", `it("holds", () => {}); it("holds as well", () => {});`);
    const bad = file("bad", `it("breaks", () => { throw new Error("for a reason"); });`);
    const passed = await start([good]).ended;
    expect(passed.lines.at(-1)).to.equal("2 passed, 0 failed");
    expect(passed.status, passed.text).to.equal(0);
    const failed = await start([good, bad]).ended;
    expect(failed.lines.at(-1)).to.equal("2 passed, 1 failed");
    expect(failed.status).to.equal(1);
    expect(failed.text).to.match(/2 of 2 {2}\S*\.test\.mjs: /);
    expect(failed.text).to.match(/bad\.test\.mjs\n +breaks\n +for a reason\n/);
  });

  it("counts a file that ends before its tests do as failed, and names the test", async () => {
    const killed = file(
      "killed",
      `it("holds", () => {}); it("dies", () => { process.kill(process.pid, "SIGKILL"); });`,
    );
    const left = file("left", `it("leaves", () => { process.exit(0); }); it("waits", () => {});`);
    const broken = file("broken", `import "./nowhere.mjs";`);
    const { status, lines, text } = await start([killed, left, broken]).ended;
    expect(status).to.equal(1);
    expect(lines.at(-1)).to.equal("1 passed, 3 failed");
    expect(text).to.match(/killed\.test\.mjs\n +the file, in: dies\n +killed by SIGKILL/);
    expect(text).to.match(/left\.test\.mjs\n +the file, in: leaves\n +ended with status 0 before/);
    expect(text).to.match(/broken\.test\.mjs\n +the file, before its first test\n +ended with/);
    expect(text).to.contain("nowhere.mjs");
  });

  it("ends a file that hangs", async () => {
    const hangs = file("hangs", `it("never ends", () => { for (;;); });`);
    const { status, lines, text } = await start([hangs], { DOMSNAP_TEST_PATIENCE: "0.005" }).ended;
    expect(status).to.equal(1);
    expect(lines.at(-1)).to.equal("0 passed, 1 failed");
    expect(text).to.match(/the file, .*\n +did not end within \d+ s; killed/);
  });

  it("ends what a file leaves running, and counts that as a failure", async () => {
    const leaves = file("leaves", `${STARTS_A_PROGRAM} it("holds", () => {});`);
    const { status, lines, text } = await start([leaves]).ended;
    expect(status).to.equal(1);
    expect(lines.at(-1)).to.equal("1 passed, 1 failed");
    expect(text).to.match(/leaves running: sleep 3600 \(\d+\)/);
    expect(isAlive(pidIn(folder))).to.equal(false);
  });

  for (const signal of ["SIGINT", "SIGTERM"] as const)
    it(`ends with ${signal}, never as if all had passed, and leaves nothing running`, async () => {
      const good = file("good", `it("holds", () => {});`);
      const waits = file("waits", `${STARTS_A_PROGRAM} it("waits", () => new Promise(() => {}));`);
      const { child, ended } = start([good, waits, "--jobs", "1"]);
      await until(() => existsSync(join(folder, "pid")));
      child.kill(signal);
      const { status, text } = await ended;
      expect(status, text).to.equal(128 + constants.signals[signal]);
      expect(text).to.match(new RegExp(`stopped by ${signal}: \\d of 2 files had ended`));
      expect(text).not.to.match(CLOSING);
      expect(isAlive(pidIn(folder))).to.equal(false);
    });

  it("takes files, folders and patterns, each file once", () => {
    const rules = chooseFiles(root, ["test/core/rules"]);
    expect(rules).to.include("test/core/rules/flags.test.ts");
    expect(chooseFiles(root, ["test/core/**"])).to.include.members(rules);
    expect(chooseFiles(root, ["test/core/*", "test/core"])).to.have.members(
      chooseFiles(root, ["test/core/**"]),
    );
    expect(chooseFiles(root, ["test/core/rules/fl*"])).to.deep.equal([
      "test/core/rules/flags.test.ts",
    ]);
    expect(chooseFiles(root, [])).to.include.members([...LONGEST]);
  });

  it("refuses a word that names no tests", async () => {
    const { status, text } = await start(["test/nowhere/**"]).ended;
    expect(status).not.to.equal(0);
    expect(text).to.contain("'test/nowhere/**' names no file of tests");
    expect(text).not.to.match(CLOSING);
  });
});

interface Outcome {
  readonly status: number | null;
  readonly text: string;
  readonly lines: readonly string[];
}

async function outcome(child: ChildProcess): Promise<Outcome> {
  let text = "";
  for (const stream of [child.stdout, child.stderr])
    stream?.on("data", (data: Buffer) => (text += data.toString()));
  const [status] = (await once(child, "close")) as [number | null];
  return { status, text, lines: text.trimEnd().split("\n") };
}

async function until(isSo: () => boolean): Promise<void> {
  const deadlineMs = performance.now() + patience(30_000);
  while (!isSo()) {
    if (performance.now() > deadlineMs) throw new Error("it did not come");
    await sleep(20);
  }
}

function pidIn(folder: string): number {
  return Number(readFileSync(join(folder, "pid"), "utf8"));
}

/** A zombie that nobody has waited for yet has ended. */
function isAlive(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}
