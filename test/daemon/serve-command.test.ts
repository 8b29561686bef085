import { expect } from "chai";
import { execa } from "execa";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { virsh } from "./support/bench.js";

const domsnap = fileURLToPath(new URL("../../scripts/domsnap.ts", import.meta.url));
const COMMAND = ["--import", "tsx", domsnap, "-c", "test:///default", "serve"];

describe("domsnap serve", () => {
  let folder: string;
  let socket: string;
  const started: ChildProcess[] = [];

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "domsnap-serve-"));
    socket = join(folder, "sock");
  });
  afterEach(async () => {
    for (const child of started.splice(0)) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill("SIGKILL");
      await once(child, "exit");
    }
    rmSync(folder, { recursive: true });
  });

  async function start(...options: string[]): Promise<ChildProcess> {
    const words = [...COMMAND, "--socket", socket, ...options];
    const child = spawn(process.execPath, words, { stdio: "ignore" });
    started.push(child);
    await isThere(socket);
    return child;
  }

  const run = (...options: string[]) =>
    execa(process.execPath, [...COMMAND, ...options], { reject: false });

  it("answers virsh, ends at SIGTERM and takes its socket away", async () => {
    const child = await start();
    const uri = `test+unix:///default?socket=${socket}`;
    expect(await virsh(uri, ["snapshot-create-as test s1; snapshot-list test --name"])).to.include(
      "\ns1\n",
    );
    child.kill("SIGTERM");
    const [status] = (await once(child, "exit")) as [number];
    expect(status).to.equal(0);
    expect(existsSync(socket)).to.equal(false);
  });

  it("makes a socket for its owner, or for a group, and one to look for everybody", async () => {
    await start();
    expect(statSync(socket).mode & 0o777).to.equal(0o600);
    rmSync(socket);
    const readOnly = `${socket}-ro`;
    await start("--group", "games", "--readonly-socket", readOnly);
    await isThere(readOnly);
    expect(statSync(socket).mode & 0o777).to.equal(0o660);
    const { stdout } = await execa("getent", ["group", "games"]);
    expect(statSync(socket).gid).to.equal(Number(stdout.split(":")[2]));
    expect(statSync(readOnly).mode & 0o777).to.equal(0o666);
  });

  it("takes the place of a socket that nobody listens on, and of nothing else", async () => {
    const dead = await start();
    dead.kill("SIGKILL");
    await once(dead, "exit");
    expect(existsSync(socket)).to.equal(true);
    const next = spawn(process.execPath, [...COMMAND, "--socket", socket], { stdio: "ignore" });
    started.push(next);
    const uri = `test+unix:///default?socket=${socket}`;
    while (!(await virsh(uri, ["list"])).includes("running")) await pause(50);

    const busy = await run("--socket", socket);
    expect(busy.exitCode).to.equal(1);
    expect(busy.stderr).to.include(`another program listens at '${socket}'`);

    const file = join(folder, "file");
    writeFileSync(file, "precious");
    const taken = await run("--socket", file);
    expect(taken.stderr).to.include(`'${file}' is there and is no socket`);
    expect(statSync(file).size).to.equal(8);
  });

  it("says clearly what cannot be", async () => {
    const long = await run("--socket", join(folder, "x".repeat(120)));
    expect(long.stderr).to.include("more than 107 bytes");
    const group = await run("--socket", socket, "--group", "nobody-has-this");
    expect(group.stderr).to.include("there is no group 'nobody-has-this'");
    const missing = await run("--socket", join(folder, "no", "folder"));
    expect(missing.stderr).to.include("cannot use folder").and.to.include("No such file");
    const unknown = await run("--socket", socket, "vmware:///x");
    expect(unknown.stderr).to.include("no toolstack serves the URI 'vmware:///x'");
    expect(existsSync(socket)).to.equal(false);
  });

  it("does not take a socket that somebody holds for another purpose", async () => {
    const server = createServer().listen(socket);
    await once(server, "listening");
    const { exitCode, stderr } = await run("--socket", socket);
    expect(exitCode).to.equal(1);
    expect(stderr).to.include("another program listens");
    server.close();
    await once(server, "close");
  });
});

/** It is made without any permission, and has its own when it can be used. */
async function isThere(socket: string): Promise<void> {
  while (!existsSync(socket) || statSync(socket).mode % 0o1000 === 0) await pause(20);
}
