import { createWriteStream } from "node:fs";
import { rm } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { pipeline } from "node:stream/promises";

import { DomsnapError } from "../../../core/errors/index.js";
import { syncFile } from "../durable-files.js";
import { systemError } from "../system-error.js";
import { assertSocketPath } from "./monitor-socket.js";

/**
 * Takes the memory of a guest from QEMU into a file. QEMU can write to a shell, to a file that it
 * was handed with the rights of a socket message, or to a socket: the last needs neither a shell
 * nor native code, and lets us see a full disk as what it is.
 */
export interface MemorySink {
  /** What to tell QEMU to migrate to. */
  readonly uri: string;
  readonly bytesWritten: number;
  /**
   * Waits until QEMU has hung up and all that it sent is on the medium; gives the size. Whether
   * QEMU was done is for `waitForMigration` to tell. Throws `no-space` or `system-error` when writing
   * failed (QEMU then sees a failed migration, and the guest goes on), `operation-failed` when
   * nothing was sent at all.
   */
  finish(): Promise<number>;
  /** Listens no longer and hangs up on QEMU. The file stays. Repeatable; also after `finish`. */
  close(): Promise<void>;
}

/**
 * Opens a sink: `file` is an existing empty file, `socketPath` where QEMU is awaited, in a folder
 * that nobody else may look into. To be done before the guest is frozen. Throws `system-error`.
 */
export async function openMemorySink(file: string, socketPath: string): Promise<MemorySink> {
  assertSocketPath(socketPath);
  const output = createWriteStream(file, { flags: "r+" });
  const server = createServer();
  let sender: Socket | undefined;
  const received = new Promise<void>((resolve, reject) => {
    server.once("connection", (socket) => {
      sender = socket;
      // One sender, once.
      server.close();
      pipeline(socket, output).then(resolve, (thrown: unknown) => {
        reject(systemError(thrown, `cannot write file '${file}'`));
      });
    });
    server.once("close", () => {
      if (!sender)
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
    get bytesWritten() {
      return output.bytesWritten;
    },
    finish: async () => {
      await received;
      await syncFile(file);
      return output.bytesWritten;
    },
    close: async () => {
      server.close();
      sender?.destroy();
      output.destroy();
      await rm(socketPath, { force: true });
    },
  };
}
