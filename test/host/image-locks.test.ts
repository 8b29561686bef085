import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

import { expect } from "chai";

import { assertFree, isInUse, whileLocked } from "../../src/host/image-locks.js";
import { findKernelUser } from "../../src/host/kernel-users.js";
import { expectError } from "../../src/testing/expect-error.js";
import { withLoopDevice } from "../support/images/file-systems.js";
import { testFolder } from "../support/images/folder.js";
import { whileHeld } from "../support/images/holding-images.js";

const MIB = 1024 * 1024;

describe("locks on images", () => {
  const folder = testFolder();
  let path: string;
  beforeEach(() => {
    path = folder.file("disk.raw");
    writeFileSync(path, Buffer.alloc(MIB));
  });

  const qemuIo = (...args: string[]) =>
    execFileSync("qemu-io", ["-f", "raw", ...args, path], { stdio: "pipe", encoding: "utf8" });
  const free = (use: "read" | "replace") => assertFree([{ path, use }]);

  /** Looks without a lock: whoever takes one while a QEMU starts keeps it from starting. */
  const isLocked = async (image: string) => {
    const { ino } = statSync(image);
    const line = new RegExp(`OFDLCK.*:${String(ino)} 10[01] 10[1-4]`);
    for (let tries = 0; tries < 500; tries++) {
      if (line.test(readFileSync("/proc/locks", "utf8"))) return;
      await sleep(20);
    }
    throw new Error("nobody has opened the image");
  };

  it("are free where nobody has the image, again and again", async () => {
    for (const use of ["read", "replace", "read", "replace"] as const) await free(use);
    await Promise.all(Array.from({ length: 8 }, () => free("read")));
    expect(await isInUse(path)).to.equal(false);
  });

  it("see a QEMU that writes, and one that reads", async () => {
    await whileHeld({ path, format: "raw" }, async () => {
      await expectError(free("read"), "image-in-use", /another program/);
      await expectError(free("replace"), "image-in-use", /another program/);
    });
    const reader = spawn("qemu-io", ["-r", "-f", "raw", path], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    reader.stdin.write("length\n");
    await once(reader.stdout, "data");
    await free("read");
    await expectError(free("replace"), "image-in-use");
    expect(await isInUse(path)).to.equal(true);
    reader.stdin.end("quit\n");
    await once(reader, "close");
    await free("replace");
  });

  for (const [what, program, args] of [
    ["a guest", "qemu-system-x86_64", ["-S", "-display", "none", "-nodefaults", "-drive"]],
    ["a network block device", "qemu-nbd", ["-f", "raw", "-k"]],
  ] as const)
    it(`see ${what} that has it open`, async () => {
      const own = program === "qemu-nbd" ? [`${path}.socket`, path] : [`file=${path},format=raw`];
      const user = spawn(program, [...args, ...own], { stdio: "ignore" });
      try {
        await isLocked(path);
        await expectError(free("read"), "image-in-use");
      } finally {
        user.kill("SIGKILL");
        await once(user, "close");
      }
      await free("replace");
    });

  it("keep a QEMU away as long as they are held, and no longer", async () => {
    await whileLocked([{ path, use: "read" }], () => {
      expect(() => qemuIo("-c", "write 0 512")).to.throw(/lock/);
      expect(qemuIo("-r", "-c", "read 0 512")).to.contain("read 512/512");
      return Promise.resolve();
    });
    await whileLocked([{ path, use: "replace" }], () => {
      expect(() => qemuIo("-r", "-c", "read 0 512")).to.throw(/lock/);
      return Promise.resolve();
    });
    expect(qemuIo("-c", "write 0 512")).to.contain("wrote 512/512");
  });

  it("are looked up where an image cannot be opened for writing", async () => {
    execFileSync("chattr", ["+i", path]);
    try {
      await free("read");
      await free("replace");
      const reader = spawn("qemu-io", ["-r", "-f", "raw", path], {
        stdio: ["pipe", "pipe", "inherit"],
      });
      reader.stdin.write("length\n");
      await once(reader.stdout, "data");
      await free("read");
      await expectError(free("replace"), "image-in-use");
      reader.stdin.end("quit\n");
      await once(reader, "close");
    } finally {
      execFileSync("chattr", ["-i", path]);
    }
  });

  it("see a loop device of a file, also by another name of it", async () => {
    await withLoopDevice(path, async (device) => {
      await expectError(free("read"), "image-in-use", new RegExp(`loop device ${device}`));
      const other = folder.file("other.raw");
      renameSync(path, other);
      await expectError(assertFree([{ path: other, use: "read" }]), "image-in-use", /loop device/);
      renameSync(other, path);
    });
    await free("replace");
  });

  it("see a mount of a device", async () => {
    writeFileSync(path, Buffer.alloc(8 * MIB));
    await withLoopDevice(path, async (device) => {
      await assertFree([{ path: device, use: "replace" }]);
      execFileSync("mkfs.ext4", ["-q", device]);
      mkdirSync(folder.file("mount"));
      execFileSync("mount", [device, folder.file("mount")]);
      try {
        await expectError(assertFree([{ path: device, use: "read" }]), "image-in-use", /mounted/);
      } finally {
        execFileSync("umount", [folder.file("mount")]);
      }
    });
  });

  /** A dom0 is another machine; this is what its kernel shows for a disk of domain 3. */
  it("see Xen's block backend, as the kernel tells of it", async () => {
    await withLoopDevice(path, (device) => {
      const minor = statSync(device).rdev & 0xff;
      const vbd = folder.file("sys/bus/xen-backend/devices/vbd-3-51712");
      mkdirSync(vbd, { recursive: true });
      writeFileSync(`${vbd}/physical_device`, `7:${minor.toString(16)}\n`);
      expect(findKernelUser(device, folder.file("sys"))).to.equal(
        "Xen's block backend (vbd-3-51712)",
      );
      writeFileSync(`${vbd}/physical_device`, `8:${minor.toString(16)}\n`);
      expect(findKernelUser(device, folder.file("sys"))).to.equal(undefined);
      return Promise.resolve();
    });
    expect(readFileSync(path)).to.have.lengthOf(MIB);
  });
});
