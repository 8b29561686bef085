import type { DomainDisk } from "../core/model/index.js";

/** Names of the driver of tapdisk, old and new. */
const TAP_DRIVERS: ReadonlySet<string | undefined> = new Set(["tap", "tap2"]);

/** Whether tapdisk serves a disk, as its definition says. */
export function isServedByTapdisk({ driverName }: Pick<DomainDisk, "driverName">): boolean {
  return TAP_DRIVERS.has(driverName);
}

/**
 * Whether a disk is tapdisk's, VHDs of any driver included: QEMU's tools misread one that stands on
 * another.
 */
export function isTapdisks(disk: Pick<DomainDisk, "driverName" | "format">): boolean {
  return isServedByTapdisk(disk) || disk.format === "vhd";
}

/** A disk on a file or a device of this host. */
export function isLocalDisk({ type }: Pick<DomainDisk, "type">): boolean {
  return type === "file" || type === "block";
}

/** A disk without a format of its own: its bytes are those of the file or device. */
export function isRaw({ format }: Pick<DomainDisk, "format">): boolean {
  return format === undefined || format === "raw";
}
