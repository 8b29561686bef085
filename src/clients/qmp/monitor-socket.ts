import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

import { DomsnapError } from "../../core/errors/index.js";
import { errnoOf, systemError } from "../../host/system-error.js";

const RETRY_PAUSE_MS = 20;

/** `sun_path` of Linux without its final NUL. */
const MAX_SOCKET_PATH_BYTES = 107;

/** Throws `config-unsupported` for a path that no socket can have on Linux. */
export function assertSocketPath(path: string): void {
  if (Buffer.byteLength(path) > MAX_SOCKET_PATH_BYTES)
    throw new DomsnapError(
      "config-unsupported",
      `socket path '${path}' is longer than ${MAX_SOCKET_PATH_BYTES} bytes`,
      { hint: "Use a folder with a shorter path, or a shorter domain name." },
    );
}

/**
 * Connects to a unix socket. While too many others wait there the kernel refuses with EAGAIN, and
 * this asks again. Throws `system-error`, `operation-failed` when the time is up, `cancelled`.
 */
export async function connectMonitor(
  path: string,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<Socket> {
  assertSocketPath(path);
  const deadlineMs = performance.now() + timeoutMs;
  for (;;) {
    if (signal?.aborted)
      throw new DomsnapError("cancelled", `cancelled while connecting to '${path}'`);
    try {
      return await tryConnect(path);
    } catch (thrown) {
      if (errnoOf(thrown) !== "EAGAIN")
        throw systemError(thrown, `cannot connect to QEMU's monitor '${path}'`);
      if (performance.now() >= deadlineMs) throw monitorBusy(path, timeoutMs);
      await sleep(RETRY_PAUSE_MS);
    }
  }
}

/** The error for a monitor that somebody else holds. */
export function monitorBusy(path: string, timeoutMs: number): DomsnapError {
  return new DomsnapError(
    "operation-failed",
    `QEMU's monitor '${path}' is busy: no greeting within ${timeoutMs} ms`,
    {
      hint: "End the other client: it serves one at a time. A QEMU that hangs looks the same.",
    },
  );
}

function tryConnect(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once("error", reject);
    socket.once("connect", () => {
      socket.off("error", reject);
      resolve(socket);
    });
  });
}
