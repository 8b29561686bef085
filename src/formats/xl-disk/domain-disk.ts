import { unsupported } from "../../core/errors/unsupported.js";
import type { DomainDisk, ImageFormat } from "../../core/model/index.js";
import type { XlBackend, XlDisk, XlDiskFormat } from "./xl-disk.js";

/** What each driver of a libvirt disk can open on Xen, and who opens it. */
const DRIVERS: Readonly<
  Record<string, Partial<Readonly<Record<ImageFormat, readonly [XlDiskFormat, XlBackend]>>>>
> = {
  qemu: {
    raw: ["raw", "qdisk"],
    qcow: ["qcow", "qdisk"],
    qcow2: ["qcow2", "qdisk"],
    qed: ["qed", "qdisk"],
    vhd: ["vhd", "qdisk"],
  },
  tap: {
    qcow: ["qcow", "qdisk"],
    qcow2: ["qcow2", "qdisk"],
    qed: ["qed", "qdisk"],
    vhd: ["vhd", "tap"],
    raw: ["raw", "tap"],
  },
  file: { raw: ["raw", "qdisk"] },
  phy: { raw: ["raw", "phy"] },
};

/**
 * A libvirt `<disk>` as an xl disk specification, by the rules of libvirt's Xen driver. Without a
 * driver name the format counts as raw, whatever the document says. Throws `config-unsupported`
 * with the driver's texts.
 */
export function xlDiskOfDomainDisk(disk: DomainDisk): XlDisk {
  const cdrom = disk.device === "cdrom";
  if (disk.device !== "disk" && !cdrom)
    throw unsupported(`libxenlight does not support disk device ${disk.device}`);
  if (disk.transient) throw unsupported("libxenlight does not support transient disks");
  if (disk.encrypted)
    throw unsupported(`libxenlight does not support encrypted disks (disk '${disk.target}')`);
  const target = disk.source?.path;
  const [format, backendType] = openedBy(disk);
  return {
    ...(target !== undefined && { target }),
    vdev: disk.target,
    format: target === undefined && cdrom ? "empty" : format,
    ...(backendType && { backendType }),
    writable: !disk.readonly && !cdrom,
    cdrom,
    removable: cdrom,
  };
}

function openedBy(disk: DomainDisk): readonly [XlDiskFormat, XlBackend?] {
  if (disk.type !== "file" && disk.type !== "block")
    throw unsupported(`libxenlight does not support disks of type ${disk.type}`);
  if (disk.driverName === undefined) return ["raw"];
  const formats = DRIVERS[disk.driverName === "tap2" ? "tap" : disk.driverName];
  if (!formats) throw unsupported(`libxenlight does not support disk driver ${disk.driverName}`);
  const format = disk.format ?? "raw";
  const opened = formats[format];
  if (opened) return opened;
  throw unsupported(
    `libxenlight does not support disk format ${format} with disk driver ${disk.driverName}`,
  );
}

/**
 * An xl disk as libvirt's Xen driver reads it from a configuration file: qdisk, or none told,
 * becomes driver qemu. `script`, `backend` and `direct-io-safe` have no place there. Throws
 * `config-unsupported` for a backend without a driver.
 */
export function domainDiskOfXlDisk(disk: XlDisk): DomainDisk {
  const { vdev, backendType = "qdisk", target, cdrom } = disk;
  if (backendType === "standalone")
    throw unsupported("libxenlight does not support disk backend standalone");
  const block = backendType === "phy";
  return {
    target: vdev,
    bus: vdev.startsWith("xvd") ? "xen" : vdev.startsWith("sd") ? "scsi" : "ide",
    device: cdrom ? "cdrom" : "disk",
    type: block ? "block" : "file",
    driverName: cdrom || backendType === "qdisk" ? "qemu" : backendType,
    format: cdrom || disk.format === "empty" ? "raw" : disk.format,
    ...(target && { source: { path: target } }),
    readonly: !disk.writable,
    shareable: false,
    transient: false,
    ...((cdrom || !disk.writable) && { snapshot: "no" as const }),
  };
}
