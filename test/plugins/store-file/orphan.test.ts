import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";

import { expect } from "chai";
import { tryLock } from "fs-native-extensions";

import { KernelFileLock } from "../../../src/plugins/store-file/kernel-file-lock.js";
import { expectError } from "../../../src/testing/expect-error.js";

const UUID = "11111111-2222-4333-8444-555555555555";

describe("a lock that an orphan holds", () => {
  it("is told with the program, its number, and that it can be ended", async () => {
    const folder = mkdtempSync(join(tmpdir(), "orphan-"));
    const lock = join(folder, UUID, "lock");
    mkdirSync(join(folder, UUID), { mode: 0o700 });
    const descriptor = openSync(lock, "w+", 0o600);
    expect(tryLock(descriptor)).to.equal(true);
    // A domsnap that has ended: its number is that of a process that has.
    const gone = spawn("true");
    await once(gone, "exit");
    writeSync(descriptor, `process ${String(gone.pid)} on ${hostname()}\n`);
    const source = join(folder, "fifo");
    execFileSync("mkfifo", [source]);
    const orphan = spawn("dd", [`if=${source}`, "of=/dev/null"], {
      stdio: ["ignore", "ignore", "ignore", descriptor],
    });
    await once(orphan, "spawn");
    closeSync(descriptor);
    try {
      const locks = new KernelFileLock(folder);
      const nothing = () => Promise.resolve();
      const error = await expectError(locks.run(UUID, { timeoutMs: 50 }, nothing), "locked");
      expect(error.message).to.contain(
        `'dd if=${source} of=/dev/null' (process ${String(orphan.pid)})`,
      );
      expect(error.hint).to.contain("--end-orphans");
      expect((await locks.holder(UUID))?.description).to.contain("dd if=");
      // Whoever reads the file, by whatever program, does not hold the lock.
      const reader = spawn("dd", [`if=${source}`, "of=/dev/null"], {
        stdio: ["ignore", "ignore", "ignore", openSync(lock, "r")],
      });
      await once(reader, "spawn");
      const ended = once(orphan, "exit");
      await locks.endOrphans(UUID);
      expect(await ended).to.deep.equal([null, "SIGTERM"]);
      expect(reader.exitCode ?? reader.signalCode).to.equal(null);
      reader.kill("SIGKILL");
      await locks.run(UUID, { timeoutMs: 1000 }, nothing);
    } finally {
      orphan.kill("SIGKILL");
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
