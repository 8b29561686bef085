import { spawn } from "node:child_process";
import { once } from "node:events";

import type { ImageRef } from "../../../src/core/model/index.js";

/** Runs `work` while a qemu-io has the image open for writing, with QEMU's lock. */
export async function whileHeld<Result>(
  { path, format }: Pick<ImageRef, "path" | "format">,
  work: () => Promise<Result>,
): Promise<Result> {
  const holder = spawn("qemu-io", ["-f", format, path], { stdio: ["pipe", "pipe", "inherit"] });
  // An answer means that the image is open.
  holder.stdin.write("length\n");
  await once(holder.stdout, "data");
  try {
    return await work();
  } finally {
    holder.stdin.end("quit\n");
    await once(holder, "close");
  }
}
