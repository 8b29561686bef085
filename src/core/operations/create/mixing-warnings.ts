import type { DiskSnapshot, DomainDisk, SnapshotHead } from "../../model/index.js";
import type { BackendRegistry } from "../../plan/backend-registry.js";
import type { AssignedDisk } from "../shared/choose-backend.js";

/**
 * Tells, disk by disk, what overlays and internal snapshots of one disk keep each other from. No
 * state is lost by it: what would lose one is refused when it is asked for.
 */
export function mixingWarnings(
  backends: BackendRegistry,
  assigned: readonly AssignedDisk[],
  earlier: readonly SnapshotHead[],
): string[] {
  return assigned.flatMap(({ disk, domainDisk, backend }) => {
    if (disk.mode === "external" && backend.externalKind === "copy") return [];
    const others = earlier
      .filter(({ disks }) =>
        disks.some((other) => isOtherKind(disk, other, (one) => isCopy(backends, domainDisk, one))),
      )
      .map(({ name }) => `'${name}'`);
    if (others.length === 0) return [];
    const names = others.join(", ");
    return disk.mode === "external"
      ? `disk '${disk.name}' has internal snapshots (${names}): reverting to them needs the overlays above deleted first`
      : `disk '${disk.name}' has overlays of ${names}: they cannot be merged while they hold an internal snapshot`;
  });
}

/** Copies stand in nobody's way. */
function isOtherKind(
  disk: DiskSnapshot,
  other: DiskSnapshot,
  isCopy: (other: DiskSnapshot) => boolean,
): boolean {
  if (other.name !== disk.name) return false;
  return disk.mode === "external"
    ? other.mode === "internal"
    : other.mode === "external" && !isCopy(other);
}

/**
 * A record that names no backend is seen only in part here: what makes files of its format is asked
 * for then.
 */
function isCopy(backends: BackendRegistry, disk: DomainDisk, kept: DiskSnapshot): boolean {
  if (kept.backend !== undefined) return backends.find(kept.backend)?.externalKind === "copy";
  const makers = backends.all.filter((backend) =>
    backend.forms(disk).some(({ mode, format }) => mode === kept.mode && format === kept.format),
  );
  return makers.length > 0 && makers.every(({ externalKind }) => externalKind === "copy");
}
