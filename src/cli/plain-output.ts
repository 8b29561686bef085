import { fstatSync, writeSync } from "node:fs";

import { errnoOf } from "../host/system-error.js";
import type { TextOutput } from "./io.js";

/**
 * Standard output or error. Into a file or a pipe text is written at once, without the streams of
 * Node, which take milliseconds to load; those serve terminals and whatever else there is.
 * `stream` gives Node's, which is loaded by its first use.
 */
export function openOutput(fd: number, stream: () => TextOutput): TextOutput {
  return isPlain(fd) ? { isTTY: false, write: (text) => writeAll(fd, text, stream) } : stream();
}

function isPlain(fd: number): boolean {
  try {
    const stat = fstatSync(fd);
    return stat.isFile() || stat.isFIFO() || stat.rdev === NULL_DEVICE;
  } catch {
    return false;
  }
}

/** /dev/null of Linux: major 1, minor 3. */
const NULL_DEVICE = 0x103;

function writeAll(fd: number, text: string, stream: () => TextOutput): void {
  const bytes = Buffer.from(text);
  let written = 0;
  try {
    while (written < bytes.length) written += writeSync(fd, bytes, written);
  } catch (thrown) {
    // A pipe that others made non-blocking is full, or closed: the stream can wait, and tells.
    if (errnoOf(thrown) !== "EAGAIN" && errnoOf(thrown) !== "EPIPE") throw thrown;
    stream().write(bytes.subarray(written).toString());
  }
}
