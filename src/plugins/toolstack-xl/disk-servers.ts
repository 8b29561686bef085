import type { DomainDisk } from "../../core/model/index.js";
import { probeFile } from "../../host/probe-file.js";
import {
  domainDiskOfXlDisk,
  readBlockTap,
  type XlBackend,
  type XlDisk,
} from "../../formats/xl-disk/index.js";
import { virtualDeviceNumber, type XlBlockRow } from "../../clients/xl/index.js";

/** What serves disks, by xenstore's names. */
const SERVERS: Readonly<Record<string, XlBackend>> = { qdisk: "qdisk", vbd: "phy", vbd3: "tap" };

/**
 * The disks of a guest with what serves each of them. A configuration need not say that: for a
 * running guest Xen tells it (`served`), for others it is what libxl would choose.
 */
export function domainDisksOf(
  disks: readonly XlDisk[],
  served: readonly XlBlockRow[],
): DomainDisk[] {
  return disks
    .map(readBlockTap)
    .map((disk) => toDomainDisk({ ...disk, backendType: backendOf(disk, served) }));
}

/**
 * A file that the kernel serves (through a loop device) is a file all the same. A disk with a
 * backend of its own would hide its whole guest, as libvirt has no word for it: it is told as
 * QEMU's, and no snapshot is taken of it (`disk-assessment.ts`).
 */
function toDomainDisk(xlDisk: XlDisk): DomainDisk {
  const isForeign = xlDisk.backendType === "standalone";
  const disk = domainDiskOfXlDisk(isForeign ? { ...xlDisk, backendType: "qdisk" } : xlDisk);
  const path = disk.source?.path ?? "";
  const kind = probeFile(path).kind;
  if (disk.type === "block" && kind === "regular") return { ...disk, type: "file" };
  return disk.type === "file" && kind === "block" ? { ...disk, type: "block" } : disk;
}

function backendOf(disk: XlDisk, served: readonly XlBlockRow[]): XlBackend {
  if (disk.backendType) return disk.backendType;
  const number = virtualDeviceNumber(disk.vdev);
  const row = served.find(({ deviceNumber }) => deviceNumber === number);
  const server = row && SERVERS[row.backend];
  if (server) return server;
  // The kernel takes devices and files in the raw format, and libxl asks it first.
  const kind = probeFile(disk.target ?? "").kind;
  const isPlain = disk.format === "raw" && (kind === "block" || kind === "regular");
  return isPlain || disk.script !== undefined ? "phy" : "qdisk";
}
