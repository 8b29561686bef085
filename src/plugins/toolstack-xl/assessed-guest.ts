import { asDomsnapError } from "../../core/errors/index.js";
import type { Domain, DomainDefinition, DomainDisk } from "../../core/model/index.js";
import { imageIdentity } from "../../qemu-images/live/index.js";
import { queryBlockGraph, type BlockGraph } from "../../clients/qmp/index.js";
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
  const served = disksOfQemu(definition);
  if (served.length === 0) return { guest };
  try {
    return { guest, openTwice: await findOpenTwice(id, served) };
  } catch (thrown) {
    return { guest, noMonitor: asDomsnapError(thrown).detail };
  }
}

/** The disks of a definition that QEMU serves and can change. */
export function disksOfQemu({ disks }: Pick<DomainDefinition, "disks">): DomainDisk[] {
  return disks.filter(({ driverName, readonly }) => driverName === "qemu" && !readonly);
}

/**
 * Targets of the disks that QEMU has open more than once: as it has those of an HVM guest until the
 * guest's own drivers let go of the emulated disk. Throws as `withMonitorOf`.
 */
export async function findOpenTwice(
  id: number,
  disks: readonly DomainDisk[],
): Promise<Set<string>> {
  const graph = await withMonitorOf(id, queryBlockGraph);
  const twice = disks.filter(({ source }) => timesOpen(graph, source?.path ?? "") > 1);
  return new Set(twice.map(({ target }) => target));
}

function timesOpen({ devices }: BlockGraph, path: string): number {
  const identity = imageIdentity(path);
  return devices.filter(
    ({ top }) => top?.path !== undefined && imageIdentity(top.path) === identity,
  ).length;
}
