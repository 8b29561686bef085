import { spawn, type ChildProcess } from "node:child_process";
import { rm, stat } from "node:fs/promises";
import { createServer, type Socket } from "node:net";

import { DomsnapError } from "../../../core/errors/index.js";
import { syncFile } from "../durable-files.js";
import { toolMissing } from "../run-tool.js";
import { errnoOf, systemError } from "../system-error.js";
import { assertSocketPath } from "./monitor-socket.js";

/**
 * Takes the memory of a guest from QEMU into a file. QEMU can write to a shell, to a file that it
 * was handed with the rights of a socket message, or to a socket: the last needs neither a shell
 * nor native code.
 *
 * The socket is handed to a `tee` of its own, which outlives us and takes all that QEMU sends even
 * when the disk is full: a QEMU that cannot get rid of the memory that it saves behind the guest's
 * back hangs, and its guest with it (seen with QEMU 7.2).
 */
export interface MemorySink {
  /** What to tell QEMU to migrate to. */
  readonly uri: string;
  /**
   * Waits until QEMU has hung up and all that it sent is on the medium; gives the size. Whether
   * QEMU was done is for `waitForMigration` to tell. Throws `no-space` or `system-error` when writing
   * failed (QEMU is not told, see above), `operation-failed` when nothing was sent at all.
   */
  finish(): Promise<number>;
  /** Listens no longer; what QEMU sends is still taken. Repeatable; also after `finish`. */
  close(): Promise<void>;
}

/**
 * Opens a sink: `file` is an existing empty file, `socketPath` where QEMU is awaited, in a folder
 * that nobody else may look into. To be done before the guest is frozen. Throws `system-error`.
 */
export async function openMemorySink(file: string, socketPath: string): Promise<MemorySink> {
  assertSocketPath(socketPath);
  const server = createServer({ pauseOnConnect: true });
  const received = new Promise<void>((resolve, reject) => {
    let connected = false;
    server.once("connection", (sender) => {
      connected = true;
      // One sender, once.
      server.close();
      writeAll(sender, file).then(resolve, reject);
    });
    server.once("close", () => {
      if (!connected)
        reject(new DomsnapError("operation-failed", "QEMU did not send the guest's memory"));
    });
  });
  // Reported by `finish`, which may be called late.
  received.catch(() => undefined);
  await rm(socketPath, { force: true });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (thrown) => {
      reject(systemError(thrown, `cannot listen at '${socketPath}'`));
    });
    server.listen(socketPath, resolve);
  });
  return {
    uri: `unix:${socketPath}`,
    finish: async () => {
      await received;
      await syncFile(file);
      return (await stat(file)).size;
    },
    close: async () => {
      server.close();
      await rm(socketPath, { force: true });
    },
  };
}

/** Hands a connection to a program that writes all that comes to a file. */
async function writeAll(sender: Socket, file: string): Promise<void> {
  const tee = spawn("tee", ["--output-error=warn", "--", file], {
    detached: true,
    env: { PATH: process.env["PATH"] ?? "", LC_ALL: "C" },
    stdio: [sender, "ignore", "pipe"],
  });
  const complaint = await complaintOf(tee).finally(() => sender.destroy());
  if (complaint === undefined) return;
  const code = complaint.includes("No space left on device") ? "no-space" : "system-error";
  throw new DomsnapError(code, `cannot write file '${file}': ${complaint}`);
}

/** `tee: /path: No space left on device` without what is known. */
function lastPart(text: string): string {
  return text.trim().split(": ").at(-1) ?? text;
}

/** What a program said before it failed; undefined when it did not. */
function complaintOf(program: ChildProcess): Promise<string | undefined> {
  let text = "";
  program.stderr?.on("data", (chunk: Buffer) => (text += chunk.toString().slice(0, 1000)));
  return new Promise((resolve, reject) => {
    program.once("error", (thrown) => {
      reject(
        errnoOf(thrown) === "ENOENT" ? toolMissing("tee") : systemError(thrown, "cannot run tee"),
      );
    });
    program.once("close", (status, signal) => {
      if (status === 0) resolve(undefined);
      else resolve(text === "" ? `tee ended with ${signal ?? status}` : lastPart(text));
    });
  });
}
