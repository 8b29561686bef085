import { existsSync, readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

import { DomsnapError } from "../../core/errors/index.js";
import type { LiveGuest } from "../../qemu-images/live/index.js";
import { withQmp, type QmpClient } from "../../clients/qmp/index.js";

/** libxl keeps the other socket for itself; each serves one client at a time. */
const SOCKET = "/run/xen/qmp-libxenstat-";
const GREETING_TIMEOUT_MS = 10_000;
const END_TIMEOUT_MS = 20_000;
const END_POLL_MS = 100;

/**
 * The QEMU that serves the disks of a guest. A guest whose disks are all served by the kernel has
 * none: `withMonitor` then throws `disk-unsupported`. As long as QEMU lives nobody else may work on
 * the images, so that a missing socket is an error (`operation-failed`) and not a guest that is off.
 */
export function monitorOf(
  id: number,
  folder: string,
  host: Required<Pick<LiveGuest, "processors" | "follow" | "guard">>,
): LiveGuest {
  return {
    ...host,
    get alive() {
      return findQemu(id) !== undefined;
    },
    folder,
    withMonitor: (work) => withMonitorOf(id, work),
  };
}

/** Works at the monitor of a guest's QEMU. Throws `disk-unsupported`, `operation-failed`. */
export async function withMonitorOf<Result>(
  id: number,
  work: (client: QmpClient) => Promise<Result>,
): Promise<Result> {
  const socket = `${SOCKET}${id}`;
  if (!existsSync(socket)) throw notReachable(socket, findQemu(id));
  return withQmp(socket, { greetingTimeoutMs: GREETING_TIMEOUT_MS }, work);
}

function notReachable(socket: string, qemu: string | undefined): DomsnapError {
  if (qemu !== undefined)
    return new DomsnapError(
      "operation-failed",
      `QEMU (process ${qemu}) has no socket '${socket}'`,
      {
        hint: "Shut the domain down first: nobody can reach its QEMU while it runs.",
      },
    );
  return new DomsnapError(
    "disk-unsupported",
    "no QEMU serves the disks of this guest, so that nobody can freeze them while it runs",
    { hint: "Give its disks backendtype=qdisk, or shut it down first." },
  );
}

/** A guest that is off: its images are worked on directly. */
export function noMonitor(folder: string): LiveGuest {
  return {
    alive: false,
    folder,
    withMonitor: () => {
      throw new DomsnapError("operation-invalid", "domain is not running");
    },
  };
}

/**
 * Waits until the QEMU of a destroyed guest has ended: no lock on the images tells that it has
 * them open. Throws `image-in-use` when it does not.
 */
export async function awaitQemuEnd(id: number): Promise<void> {
  const deadlineMs = performance.now() + END_TIMEOUT_MS;
  while (findQemu(id) !== undefined) {
    if (performance.now() > deadlineMs)
      throw new DomsnapError(
        "image-in-use",
        `QEMU (process ${findQemu(id) ?? ""}) still has the images of domain ${id} open`,
      );
    await sleep(END_POLL_MS);
  }
}

function findQemu(id: number): string | undefined {
  return readdirSync("/proc").find((name) => /^\d+$/.test(name) && isQemuOf(name, id));
}

function isQemuOf(process: string, id: number): boolean {
  try {
    const words = readFileSync(`/proc/${process}/cmdline`, "utf8").split("\0");
    const at = words.indexOf("-xen-domid");
    return at > 0 && words[at + 1] === String(id);
  } catch {
    // It has just ended.
    return false;
  }
}
