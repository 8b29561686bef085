import { RANK, type DomainDisk, type ImageFormat, type Offer } from "../../core/model/index.js";
import type { BackendProfile } from "../../core/ports/index.js";
import { isLocalDisk, isTapdisks } from "../../plugin-kit/disk-facts.js";

/** Formats of an image that can stand on another of any format. */
const OVERLAY_FORMATS: ReadonlySet<ImageFormat | undefined> = new Set([undefined, "qcow2", "qed"]);

/** Internal snapshots of qcow2 images, and overlays above whatever QEMU can read. */
export const qdiskProfile: BackendProfile = {
  id: "qdisk",
  summary: "QEMU's overlays and internal snapshots",
  externalKind: "overlay",
  defaultFormat: "qcow2",
  offer(disk, { mode, format }) {
    if (isTapdisks(disk)) return undefined;
    if (mode === "internal") return internal(disk);
    return OVERLAY_FORMATS.has(format) ? overlay(disk) : undefined;
  },
  forms: () => [{ mode: "internal" }, { mode: "external", format: "qcow2" }],
};

function internal(disk: DomainDisk): Offer {
  return isLocalDisk(disk) && disk.format === "qcow2"
    ? { rank: RANK.native, reason: "qcow2 images hold snapshots inside" }
    : { rank: RANK.refuses, reason: "only local qcow2 images hold snapshots inside" };
}

function overlay(disk: DomainDisk): Offer {
  if (!isLocalDisk(disk))
    return { rank: RANK.refuses, reason: "an overlay stands on an image of this host" };
  return disk.driverName === "qemu"
    ? { rank: RANK.native, reason: "QEMU serves the disk" }
    : { rank: RANK.suited, reason: "an overlay can stand on an image of any format" };
}
