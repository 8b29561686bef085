import { RANK } from "../../core/model/index.js";
import type { BackendProfile } from "../../core/ports/index.js";
import { isRaw, isServedByTapdisk, isTapdisks } from "../../plugin-kit/disk-facts.js";

/**
 * Chains of VHDs for what tapdisk serves. Of all disks that are tapdisk's it is this backend that
 * says why something is not possible.
 */
export const blktapProfile: BackendProfile = {
  id: "blktap",
  summary: "chains of VHDs that tapdisk serves",
  externalKind: "overlay",
  defaultFormat: "vhd",
  offer(disk, { mode, format }) {
    if (!isTapdisks(disk)) return undefined;
    if (!isServedByTapdisk(disk) || !(isRaw(disk) || disk.format === "vhd"))
      return { rank: RANK.refuses, reason: "tapdisk has to serve the disk, as raw or VHD" };
    if (mode === "internal" || (format !== undefined && format !== "vhd"))
      return { rank: RANK.refuses, reason: "VHD has no internal snapshots and no other overlays" };
    return { rank: RANK.native, reason: "tapdisk serves the disk" };
  },
  forms: (disk) => (isTapdisks(disk) ? [{ mode: "external", format: "vhd" }] : []),
};
