import { expect } from "chai";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { ensureBuilt } from "../../scripts/ensure-built.mjs";
import { SweepGuest } from "./support/sweep-guest.js";

const program = fileURLToPath(new URL("../../bin/domsnap.cjs", import.meta.url));

describe("a domsnap that is killed while a program works for it", function () {
  let guest: SweepGuest;
  let tools: string;

  before(async () => {
    ensureBuilt();
    guest = await SweepGuest.make([{ driver: "qemu", format: "qcow2" }]);
    tools = mkdtempSync(join(tmpdir(), "domsnap-tools-"));
    // A qemu-img that waits to be let go before it takes a snapshot.
    const wait = `touch ${tools}/begun; until [ -e ${tools}/go ]; do sleep 0.05; done`;
    const slow = `#!/bin/sh\ncase "$1" in snapshot) ${wait};; esac\nexec /usr/bin/qemu-img "$@"\n`;
    writeFileSync(join(tools, "qemu-img"), slow);
    chmodSync(join(tools, "qemu-img"), 0o755);
  });
  after(() => {
    guest.remove();
    rmSync(tools, { recursive: true });
  });

  it("keeps the lock until that program has ended, and is recovered then", async () => {
    const { files: _before, ...before } = await guest.observe();
    const document = guest.document("s1", "<disk name='vda' snapshot='internal'/>");
    const args = [program, "-q", "-c", guest.uri, "snapshot-create", "guest", document];
    const child = spawn(process.execPath, args, {
      stdio: "ignore",
      env: { ...process.env, PATH: `${tools}:${process.env["PATH"] ?? ""}` },
    });
    while (!existsSync(join(tools, "begun"))) await sleep(10);
    child.kill("SIGKILL");
    await once(child, "exit");

    const service = await guest.service();
    const [held] = await service.locks();
    expect(held?.holder?.description).to.match(/^process \d+ on /);
    expect(held?.operation).to.include({ verb: "create", snapshot: "s1", next: "rolled-back" });
    const [tooEarly] = await service.recover("guest", { lockTimeoutMs: 0 });
    expect(tooEarly?.error?.code).to.equal("locked");

    writeFileSync(join(tools, "go"), "");
    const [recovery] = await service.recover("guest");
    expect(recovery).to.include({ outcome: "rolled-back" });
    expect(await service.locks()).to.deep.equal([]);
    const { files: _after, ...after } = await guest.observe();
    expect(after).to.deep.equal(before);
  });

  it("can be stopped while the program hangs, and takes everything back", async () => {
    const before = await guest.observe();
    const hanging = `#!/bin/sh\ncase "$1" in snapshot) touch ${tools}/hangs; exec sleep 3600;; esac\nexec /usr/bin/qemu-img "$@"\n`;
    writeFileSync(join(tools, "qemu-img"), hanging);
    const document = guest.document("s2", "<disk name='vda' snapshot='internal'/>");
    const args = [program, "-q", "-c", guest.uri, "snapshot-create", "guest", document];
    const child = spawn(process.execPath, args, {
      stdio: ["ignore", "ignore", "pipe"],
      env: { ...process.env, PATH: `${tools}:${process.env["PATH"] ?? ""}` },
    });
    let stderr = "";
    child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
    while (!existsSync(join(tools, "hangs"))) await sleep(10);
    child.kill("SIGINT");
    const [status] = (await once(child, "close")) as [number | null];
    expect(status, stderr).to.equal(130);
    expect(stderr).to.contain("stopped on request");
    expect(guest.hasJournal()).to.equal(false);
    expect(await guest.observe()).to.deep.equal(before);
  });
});
