import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { expect } from "chai";

import { openOutput } from "../../src/cli/plain-output.js";

const PROGRAM = fileURLToPath(new URL("../../bin/domsnap.cjs", import.meta.url));
const noStream = () => expect.fail("the streams of Node are not needed");

describe("output without streams", () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "domsnap-output-"));
  });
  after(() => {
    rmSync(folder, { recursive: true });
  });

  it("writes all of a text into a file, in its own encoding", () => {
    const path = join(folder, "out");
    const fd = openSync(path, "w");
    const output = openOutput(fd, noStream);
    const text = "sníh ☃\n".repeat(100_000);
    output.write(text);
    output.write("end");
    closeSync(fd);
    expect(output.isTTY).to.equal(false);
    expect(readFileSync(path, "utf8") === `${text}end`).to.equal(true);
  });

  it("leaves what is no file and no pipe to the streams", () => {
    const fd = openSync("/dev/zero", "w");
    const stream = { write: () => true, isTTY: true };
    expect(openOutput(fd, () => stream)).to.equal(stream);
    closeSync(fd);
  });

  it("goes on where a pipe is full that others made non-blocking", async () => {
    // A shell's pipe: what Node itself gives a child is a pair of sockets.
    const reader = "sleep 0.3; exec cat";
    const script = `"${process.execPath}" -e '
      const { openOutput } = require("${join(folder, "plain-output.cjs")}");
      process.stdout._handle.setBlocking(false);
      openOutput(1, () => process.stdout).write("x".repeat(1_000_000));
    ' | { ${reader}; }`;
    await bundleSource(join(folder, "plain-output.cjs"));
    const child = spawn("sh", ["-c", script], { stdio: ["ignore", "pipe", "inherit"] });
    let length = 0;
    child.stdout.on("data", (chunk: Buffer) => (length += chunk.length));
    await once(child, "close");
    expect(length).to.equal(1_000_000);
  });

  it("is quiet about a reader that stops early, and says when a disk is full", () => {
    const run = (end: string) =>
      spawnSync(
        "bash",
        ["-c", `set -o pipefail; "$0" "$1" help ${end}`, process.execPath, PROGRAM],
        {
          encoding: "utf8",
        },
      );
    expect(run("| true")).to.include({ status: 0, stderr: "" });
    expect(run("> /dev/full")).to.include({
      status: 1,
      stderr: "error: the output cannot be written: No space left on device\n",
    });
  });
});

async function bundleSource(outfile: string): Promise<void> {
  const { build } = await import("esbuild");
  await build({
    entryPoints: [fileURLToPath(new URL("../../src/cli/plain-output.ts", import.meta.url))],
    outfile,
    bundle: true,
    platform: "node",
    format: "cjs",
  });
}
