import { asDomsnapError } from "../../core/errors/index.js";
import type { Domain } from "../../core/model/index.js";
import { imageIdentity } from "../lib/live/index.js";
import { queryBlockGraph, type BlockGraph } from "../lib/qmp/index.js";
import type { AssessedGuest } from "./disk-assessment.js";
import type { XenDomains } from "./xen-domains.js";
import { guestOfLibxl } from "./xen-guest.js";
import { withMonitorOf } from "./xen-guest-monitor.js";

/** Asks xl and, where it is running, the guest's QEMU. Undefined when xl does not tell about it. */
export async function readAssessedGuest(
  { xl, files }: XenDomains,
  { id, name, uuid, definition }: Domain,
): Promise<AssessedGuest | undefined> {
  if (id === undefined) {
    const file = files.find({ name, uuid });
    return file && { guest: file.guest };
  }
  const config = (await xl.listConfigurations()).find((one) => one.id === id)?.config;
  if (!config) return undefined;
  const guest = guestOfLibxl(config);
  const served = definition.disks.filter((disk) => disk.driverName === "qemu" && !disk.readonly);
  if (served.length === 0) return { guest };
  try {
    const graph = await withMonitorOf(id, queryBlockGraph);
    const twice = served.filter(({ source }) => timesOpen(graph, source?.path ?? "") > 1);
    return { guest, openTwice: new Set(twice.map(({ target }) => target)) };
  } catch (thrown) {
    return { guest, noMonitor: asDomsnapError(thrown).detail };
  }
}

function timesOpen({ devices }: BlockGraph, path: string): number {
  const identity = imageIdentity(path);
  return devices.filter(
    ({ top }) => top?.path !== undefined && imageIdentity(top.path) === identity,
  ).length;
}
