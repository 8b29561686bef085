import type { DiskSnapshot, DomainDisk } from "../core/model/index.js";

/** Domain drivers whose raw images no QEMU has: Xen's kernel backend, or none named. */
const PLAIN_DRIVERS: ReadonlySet<string | undefined> = new Set([undefined, "file", "phy"]);

/**
 * Which built-in backend keeps such a snapshot of such a disk; undefined if none does. One
 * function for all of them, so that two can never claim the same.
 *
 * An internal snapshot is always qdisk's, if only to say why it cannot be. An external one is a
 * frozen copy (dd) of a raw image when the document asks for the raw format, or asks for none and
 * the disk is not QEMU's; it is an overlay (qdisk) when the document asks for qcow2 or qed, or
 * for none. Whatever tapdisk serves is blktap's, but for the frozen copy of a raw image.
 */
export function claimingBackend(
  disk: DomainDisk,
  wish: Pick<DiskSnapshot, "mode" | "format">,
): "blktap" | "dd" | "qdisk" | undefined {
  if (wish.mode !== "internal" && wish.mode !== "external") return undefined;
  const raw = isLocalRaw(disk);
  if (isTapdisks(disk))
    return wish.mode === "external" && wish.format === "raw" && raw ? "dd" : "blktap";
  if (wish.mode === "internal") return "qdisk";
  if (wish.format === undefined) return raw && PLAIN_DRIVERS.has(disk.driverName) ? "dd" : "qdisk";
  if (wish.format === "raw") return raw ? "dd" : undefined;
  return wish.format === "qcow2" || wish.format === "qed" ? "qdisk" : undefined;
}

/** VHDs of any driver: QEMU would misread one that stands on another, and blktap says so. */
function isTapdisks({ driverName, format }: DomainDisk): boolean {
  return driverName === "tap" || driverName === "tap2" || format === "vhd";
}

function isLocalRaw(disk: DomainDisk): boolean {
  const local = disk.type === "file" || disk.type === "block";
  return local && (disk.format === undefined || disk.format === "raw");
}
