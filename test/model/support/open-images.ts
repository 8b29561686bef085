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
    // The monitor greets when everything is open.
    await once(guest.stdout, "data");
  }

  /** All of them. Idempotent. */
  async close(): Promise<void> {
    for (const guest of this.#guests.splice(0)) {
      guest.stdin.end("quit\n");
      await once(guest, "close");
    }
  }
}
