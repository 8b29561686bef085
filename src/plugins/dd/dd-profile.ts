import { RANK, type DomainDisk } from "../../core/model/index.js";
import type { BackendProfile } from "../../core/ports/index.js";
import { isLocalDisk, isRaw } from "../../plugin-kit/disk-facts.js";

/** Drivers whose raw images no QEMU has: Xen's kernel backend, or none named. */
const PLAIN_DRIVERS: ReadonlySet<string | undefined> = new Set([undefined, "file", "phy"]);

/** Any raw image can be copied; where no QEMU or tapdisk serves it there is nothing better. */
export const ddProfile: BackendProfile = {
  id: "dd",
  summary: "whole copies of raw images",
  externalKind: "copy",
  defaultFormat: "raw",
  offer(disk, { mode, format }) {
    if (mode !== "external" || !(isLocalDisk(disk) && isRaw(disk))) return undefined;
    if (format !== undefined && format !== "raw") return undefined;
    return isPlain(disk)
      ? { rank: RANK.native, reason: "a raw image that the kernel serves" }
      : { rank: RANK.generic, reason: "any raw image can be copied whole" };
  },
  forms: () => [{ mode: "external", format: "raw" }],
};

function isPlain({ driverName }: DomainDisk): boolean {
  return PLAIN_DRIVERS.has(driverName);
}
