import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

import { DomsnapError } from "../../core/errors/index.js";
import type { DomainDisk } from "../../core/model/index.js";
import { probeFile } from "../../host/probe-file.js";
import { runTool } from "../../host/run-tool.js";
import { readXenstore, virtualDeviceNumber } from "../../clients/xl/index.js";
import { withMonitorOf } from "./xen-guest-monitor.js";

const TIMEOUT_MS = 30_000;
const POLL_MS = 50;

/**
 * Lets what a paused guest had asked of its disks before come to its end, so that its images can be
 * copied: a pause stops the processors only. Throws `operation-failed` when it does not end.
 */
export async function drainDisks(id: number, disks: readonly DomainDisk[]): Promise<void> {
  if (disks.some(({ driverName }) => driverName === "qemu"))
    await withMonitorOf(id, async (client) => {
      // Waits for all requests, and flushes; the guest's processors are not QEMU's to stop.
      await client.execute("stop");
      await client.execute("cont");
    });
  for (const disk of disks.filter(({ driverName }) => driverName === "phy")) {
    await awaitIdle(id, disk);
    const path = disk.source?.path;
    // The guest's writes go past the pages that dom0 may still have of the device.
    if (path !== undefined && probeFile(path).kind === "block")
      await runTool("blockdev", ["--flushbufs", path]);
  }
}

async function awaitIdle(id: number, { target }: DomainDisk): Promise<void> {
  const number = virtualDeviceNumber(target);
  const node = `/local/domain/0/backend/vbd/${id}/${number ?? ""}/physical-device`;
  const device = parseDevice(await readXenstore(node));
  if (device === undefined) return;
  const deadlineMs = performance.now() + TIMEOUT_MS;
  // Requests pass from Xen's ring to the device, so one look at the device is not enough.
  for (let idle = 0; idle < 2; await sleep(POLL_MS)) {
    const inFlight = await readFile(`/sys/dev/block/${device}/inflight`, "utf8");
    idle = /^\s*0\s+0\s*$/.test(inFlight) ? idle + 1 : 0;
    if (performance.now() > deadlineMs)
      throw new DomsnapError(
        "operation-failed",
        `disk '${target}' does not come to rest while the guest is paused`,
      );
  }
}

/** xenstore has `fd:1f` (hexadecimal), the kernel's folder `253:31`. */
function parseDevice(text: string | undefined): string | undefined {
  const [, major, minor] = /^([\da-f]+):([\da-f]+)$/i.exec(text ?? "") ?? [];
  if (major === undefined || minor === undefined) return undefined;
  return `${Number.parseInt(major, 16)}:${Number.parseInt(minor, 16)}`;
}
