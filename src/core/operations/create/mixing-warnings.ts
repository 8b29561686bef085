import type { DiskSnapshot, SnapshotHead } from "../../model/index.js";
import type { AssignedDisk } from "../shared/choose-backend.js";

/**
 * Tells, disk by disk, what overlays and internal snapshots of one disk keep each other from. No
 * state is lost by it: what would lose one is refused when it is asked for.
 */
export function mixingWarnings(
  assigned: readonly AssignedDisk[],
  earlier: readonly SnapshotHead[],
): string[] {
  return assigned.flatMap(({ disk, backend }) => {
    if (disk.mode === "external" && backend.externalKind === "copy") return [];
    const others = earlier
      .filter(({ disks }) => disks.some((other) => isOtherKind(disk, other)))
      .map(({ name }) => `'${name}'`);
    if (others.length === 0) return [];
    const names = others.join(", ");
    return disk.mode === "external"
      ? `disk '${disk.name}' has internal snapshots (${names}): reverting to them needs the overlays above deleted first`
      : `disk '${disk.name}' has overlays of ${names}: they cannot be merged while they hold an internal snapshot`;
  });
}

/** Copies are raw, and stand in nobody's way. */
function isOtherKind(disk: DiskSnapshot, other: DiskSnapshot): boolean {
  if (other.name !== disk.name) return false;
  return disk.mode === "external"
    ? other.mode === "internal"
    : other.mode === "external" && other.format !== "raw";
}
