import { isAbsolute } from "node:path";

import { DomsnapError } from "../../core/errors/index.js";
import { isEmptyDrive, type DomainDisk, type ImageFormat } from "../../core/model/index.js";
import { attributeAt, type XmlElement } from "../../xml/index.js";

/** What QEMU calls the formats that it can open; its drivers for a few others are read-only toys. */
const DRIVERS: Partial<Record<ImageFormat, string>> = {
  raw: "raw",
  qcow: "qcow",
  qcow2: "qcow2",
  qed: "qed",
  vpc: "vpc",
  vhd: "vpc",
  vdi: "vdi",
  vmdk: "vmdk",
};

interface CacheMode {
  /** Past the host's cache. */
  readonly direct: boolean;
  /** Flushes of the guest are ignored. */
  readonly noFlush: boolean;
  /** The guest sees a write cache that it has to flush. */
  readonly writeback: boolean;
}

/** libvirt's cache modes. */
const CACHES: Readonly<Record<string, CacheMode>> = {
  default: { direct: false, noFlush: false, writeback: true },
  none: { direct: true, noFlush: false, writeback: true },
  writethrough: { direct: false, noFlush: false, writeback: false },
  writeback: { direct: false, noFlush: false, writeback: true },
  directsync: { direct: true, noFlush: false, writeback: false },
  unsafe: { direct: false, noFlush: true, writeback: true },
};

const DEVICE_ID_PREFIX = "disk-";

const BUS_OF_PREFIX: Readonly<Record<string, string>> = { hd: "ide", sd: "scsi", vd: "virtio" };

/** The target of the disk that has a device of this id; undefined for other devices. */
export function targetOfDeviceId(id: string): string | undefined {
  return id.startsWith(DEVICE_ID_PREFIX) ? id.slice(DEVICE_ID_PREFIX.length) : undefined;
}

/**
 * QEMU's arguments for the disks of a guest: for each disk a node of its file, one of its format,
 * and the device. `elements` are the `<disk>` elements in the same order. Throws
 * `config-unsupported` with the disk and the reason.
 */
export function formatDiskArguments(
  disks: readonly DomainDisk[],
  elements: readonly XmlElement[],
  machine: string,
): string[] {
  const places = disks.map((disk) => placeDisk(disk, machine));
  const controllers = new Set(places.flatMap(({ controller }) => controller ?? []));
  return [
    ...[...controllers].flatMap((controller) => ["-device", controller]),
    ...disks.flatMap((disk, index) => formatDisk(disk, places[index], elements[index])),
  ];
}

interface DiskPlace {
  /** The device and its bus, as `-device` takes them. */
  readonly device: string;
  /** A controller that the machine does not bring along. */
  readonly controller?: string;
}

function placeDisk(disk: DomainDisk, machine: string): DiskPlace {
  const [, prefix = "", letters = ""] = /^(hd|sd|vd)([a-z]{1,2})$/.exec(disk.target) ?? [];
  const unit = unitOf(letters);
  const kind = disk.device === "cdrom" ? "cd" : "hd";
  const isQ35 = /^(pc-)?q35/.test(machine);
  if (disk.device === "floppy" || disk.device === "lun")
    throw unsupported(disk, `device '${disk.device}' is not supported`);
  if (letters === "") throw unsupported(disk, "its target has to be like 'vda', 'sda' or 'hda'");
  const bus = disk.bus ?? BUS_OF_PREFIX[prefix] ?? "";
  switch (bus) {
    case "virtio":
      if (kind === "cd") throw unsupported(disk, "a CD drive cannot be on bus 'virtio'");
      return { device: "virtio-blk-pci" };
    case "scsi":
      return {
        device: `scsi-${kind},bus=scsi.0,scsi-id=${unit}`,
        controller: "virtio-scsi-pci,id=scsi",
      };
    case "ide":
      if (isQ35) throw unsupported(disk, `machine '${machine}' has no IDE; use bus 'sata'`);
      return { device: `ide-${kind},bus=ide.${Math.floor(unit / 2)},unit=${unit % 2}` };
    case "sata":
      return isQ35
        ? { device: `ide-${kind},bus=ide.${unit}` }
        : { device: `ide-${kind},bus=sata.${unit}`, controller: "ich9-ahci,id=sata" };
    default:
      throw unsupported(disk, `bus '${bus}' is not supported`);
  }
}

/** `a` is 0, `z` is 25, `aa` is 26. */
function unitOf(letters: string): number {
  return [...letters].reduce((unit, letter) => 26 * unit + letter.charCodeAt(0) - 96, 0) - 1;
}

function formatDisk(
  disk: DomainDisk,
  place: DiskPlace | undefined,
  element: XmlElement | undefined,
): string[] {
  const cache = cacheOf(disk, element);
  const driver = driverOf(disk);
  const top = isEmptyDrive(disk) ? undefined : `${disk.target}-${driver}`;
  const device = [
    place?.device,
    `id=${DEVICE_ID_PREFIX}${disk.target}`,
    ...(top === undefined ? [] : [`drive=${top}`, `write-cache=${cache.writeback ? "on" : "off"}`]),
    ...(disk.shareable ? ["share-rw=on"] : []),
  ].join(",");
  const nodes = top === undefined ? [] : blockNodes(disk, { driver, top, cache, element });
  return [...nodes.flatMap((node) => ["-blockdev", JSON.stringify(node)]), "-device", device];
}

interface NodeFacts {
  readonly driver: string;
  /** Name of the node that the guest's device is on. Overlays that come later have other names. */
  readonly top: string;
  readonly cache: CacheMode;
  readonly element: XmlElement | undefined;
}

function blockNodes(disk: DomainDisk, { driver, top, cache, element }: NodeFacts): object[] {
  const path = disk.source?.path;
  if (disk.transient) throw unsupported(disk, "transient disks are not supported");
  if (disk.encrypted) throw unsupported(disk, "encrypted disks (<encryption>) are not supported");
  if ((disk.type !== "file" && disk.type !== "block") || path === undefined)
    throw unsupported(disk, `disks of type '${disk.type}' are not supported`);
  if (!isAbsolute(path)) throw unsupported(disk, `'${path}' is no absolute path`);
  const common = {
    "read-only": disk.readonly,
    discard: driverAttribute(element, "discard") === "unmap" ? "unmap" : "ignore",
    cache: { direct: cache.direct, "no-flush": cache.noFlush },
  };
  const file = {
    driver: disk.type === "block" ? "host_device" : "file",
    "node-name": `${disk.target}-file`,
    filename: path,
  };
  return [
    { ...file, ...common },
    { driver, "node-name": top, file: file["node-name"], ...common },
  ];
}

function driverOf(disk: DomainDisk): string {
  const driver = DRIVERS[disk.format ?? "raw"];
  if (driver !== undefined) return driver;
  throw unsupported(disk, `format '${disk.format}' is not supported`);
}

function cacheOf(disk: DomainDisk, element: XmlElement | undefined): CacheMode {
  const mode = driverAttribute(element, "cache") ?? "default";
  const cache = CACHES[mode];
  if (cache) return cache;
  throw unsupported(disk, `cache mode '${mode}' is not supported`);
}

function driverAttribute(element: XmlElement | undefined, name: string): string | undefined {
  return element && attributeAt(element, ["driver"], name);
}

function unsupported(disk: DomainDisk, reason: string): DomsnapError {
  return new DomsnapError("config-unsupported", `disk '${disk.target}': ${reason}`);
}
