import { spawn, type ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";

import type { Image } from "./reading/images.js";

/** Guests that are about to start, with their disks locked against everybody. */
export class OpenImages {
  readonly #guests: ChildProcessByStdio<Writable, Readable, null>[] = [];

  async open({ path, format }: Image): Promise<void> {
    const drive = `file=${path},format=${format},if=virtio`;
    const options = ["-S", "-nodefaults", "-display", "none", "-monitor", "stdio"];
    const args = ["-machine", "pc,accel=tcg", ...options, "-drive", drive];
    const guest = spawn("qemu-system-x86_64", args, { stdio: ["pipe", "pipe", "inherit"] });
    this.#guests.push(guest);
    // It greets before its disks are open, and answers when they are.
    guest.stdin.write("info status\n");
    for await (const text of guest.stdout.setEncoding("utf8").iterator({ destroyOnReturn: false }))
      if (String(text).includes("VM status")) return;
    throw new Error(`QEMU did not open '${path}'`);
  }

  /** All of them. Idempotent. */
  async close(): Promise<void> {
    for (const guest of this.#guests.splice(0)) {
      if (guest.exitCode !== null) continue;
      guest.stdin.end("quit\n");
      await once(guest, "exit");
    }
  }
}
