import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { once } from "node:events";
import { lstat, rm, stat } from "node:fs/promises";

import { DomsnapError } from "../../core/errors/index.js";
import { syncFile } from "../../host/durable-files.js";
import { toolMissing } from "../../host/run-tool.js";
import { systemError } from "../../host/system-error.js";
import { assertSocketPath } from "./monitor-socket.js";

/**
 * Takes the memory of a guest from QEMU into a file. QEMU can write to a shell, to a file that it
 * was handed with the rights of a socket message, or to a socket: the last needs neither a shell
 * nor native code.
 *
 * A program of its own waits for QEMU and hands the connection to a `tee`. Both outlive us, and take
 * all that QEMU sends even when the disk is full: a QEMU that cannot get rid of the memory that it
 * saves in the background hangs, and its guest with it (seen with QEMU 7.2).
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

const NO_TEE = 101;
const NO_SENDER = 102;
const NO_RECEIVER = 103;

/** QEMU may have been told to connect right before nobody waits for it any more. */
const LATE_SENDER_MS = 2000;

/**
 * Opens the file, and waits at a socket for one sender. The file is handed on opened: one that was
 * given up and removed meanwhile must not come back under its name. The end of its input means that
 * nobody is expected any more, and has no effect once somebody is there. It removes its own socket
 * only, where Node.js would remove whatever has that name by then: another receiver's. A status above
 * 100 is its own, else it is tee's.
 */
const RECEIVER = `
const { spawn } = require("node:child_process");
const { openSync, rmSync, statSync } = require("node:fs");
const { createServer } = require("node:net");
const [socket, file] = process.argv.slice(1);
const output = openSync(file, "r+");
let sender;
let own;
const inode = () => statSync(socket, { throwIfNoEntry: false })?.ino;
const forget = () => inode() === own && rmSync(socket, { force: true });
const server = createServer({ pauseOnConnect: true }, (connection) => {
  sender = connection;
  forget();
  const tee = spawn("tee", ["--output-error=warn", "--", "/proc/self/fd/3"], {
    stdio: [sender, "ignore", "inherit", output],
  });
  tee.once("error", ({ code }) => process.exit(code === "ENOENT" ? ${NO_TEE} : ${NO_RECEIVER}));
  tee.once("close", (status) => process.exit(status ?? ${NO_RECEIVER}));
});
server.maxConnections = 1;
server.once("error", ({ message }) => {
  process.stderr.write(message);
  process.exit(${NO_RECEIVER});
});
server.listen(socket, () => {
  own = inode();
  process.stdout.write("listening");
});
const leave = () => {
  if (sender) return;
  forget();
  process.exit(${NO_SENDER});
};
process.stdin.resume().once("end", () => setTimeout(leave, ${LATE_SENDER_MS}));
`;

/**
 * Opens a sink: `file` is an existing empty file, `socketPath` where QEMU is awaited, in a folder
 * that nobody else may look into, under a name that nothing has and that is used once. To be done
 * before the guest is frozen. Throws `system-error`.
 */
export async function openMemorySink(file: string, socketPath: string): Promise<MemorySink> {
  assertSocketPath(socketPath);
  const receiver = spawn(process.execPath, ["-e", RECEIVER, socketPath, file], {
    detached: true,
    env: { PATH: process.env["PATH"] ?? "", LC_ALL: "C" },
  });
  const received = outcomeOf(receiver, file);
  // Reported by `finish`, which may be called late.
  received.catch(() => undefined);
  // It may end before it is told that nobody comes.
  receiver.stdin.on("error", () => undefined);
  await Promise.race([once(receiver.stdout, "data"), received]);
  return {
    uri: `unix:${socketPath}`,
    finish: async () => {
      await received;
      await syncFile(file);
      return (await stat(file)).size;
    },
    close: async () => {
      receiver.stdin.end();
      // Whatever it still takes is no reason to stay for.
      receiver.unref();
      receiver.stdout.destroy();
      receiver.stderr.destroy();
      // The receiver has removed it, unless nobody came; it keeps nobody from anything.
      await dropMemorySocket(socketPath).catch(() => undefined);
    },
  };
}

/** Removes the socket of a sink whose receiver cannot do it any more. What is no socket stays. */
export async function dropMemorySocket(path: string): Promise<void> {
  const stats = await lstat(path).catch(() => undefined);
  if (stats?.isSocket()) await rm(path, { force: true });
}

/** Waits for the receiver's end. Throws what kept it, or tee, from its work. */
async function outcomeOf(receiver: ChildProcessWithoutNullStreams, file: string): Promise<void> {
  let complaint = "";
  receiver.stderr.on("data", (chunk: Buffer) => {
    complaint += chunk.toString().slice(0, 1000);
  });
  const [status, signal] = await new Promise<[number | null, NodeJS.Signals | null]>(
    (resolve, reject) => {
      receiver.once("error", (thrown) => {
        reject(systemError(thrown, "cannot run node"));
      });
      receiver.once("close", (...ended) => {
        resolve(ended);
      });
    },
  );
  if (status === 0) return;
  if (status === NO_TEE) throw toolMissing("tee");
  if (status === NO_SENDER)
    throw new DomsnapError("operation-failed", "QEMU did not send the guest's memory");
  const reason = complaint === "" ? `tee ended with ${signal ?? status}` : lastPart(complaint);
  const code = complaint.includes("No space left on device") ? "no-space" : "system-error";
  throw new DomsnapError(code, `cannot write file '${file}': ${reason}`);
}

/** `tee: /path: No space left on device` without what is known. */
function lastPart(text: string): string {
  return text.trim().split(": ").at(-1) ?? text;
}
