import type { DomainDisk } from "../../core/model/index.js";
import type { DiskVerdict, DiskWish } from "../../core/ports/index.js";
import { refuse } from "../../plugin-kit/disk-verdict.js";
import { isBlockTap, type XlDisk } from "../../formats/xl-disk/index.js";
import type { XenGuest } from "./xen-guest.js";

/** What is known of a guest beside its definition. */
export interface AssessedGuest {
  readonly guest: Pick<XenGuest, "disks" | "stubDomain" | "restrictedQemu">;
  /** Why its QEMU cannot be asked; missing when it can, or need not be. */
  readonly noMonitor?: string;
  /** Targets of disks that QEMU has open more than once. */
  readonly openTwice?: ReadonlySet<string>;
}

/**
 * What Xen has against a form of snapshot of a disk, with the line of the domain's configuration
 * that would change it; undefined for nothing.
 */
export function assessXenDisk(
  { guest, ...state }: AssessedGuest,
  disk: DomainDisk,
  wish: DiskWish,
): DiskVerdict | undefined {
  const xlDisk = guest.disks.find(({ vdev }) => vdev === disk.target);
  if (!xlDisk) return undefined;
  return (
    refuseServer(xlDisk) ?? (wish.live ? refuseLive(xlDisk, disk, wish, guest, state) : undefined)
  );
}

/** Disks that neither dom0's kernel nor a QEMU of dom0 serves. */
function refuseServer(disk: XlDisk): DiskVerdict | undefined {
  const name = `disk '${disk.vdev}'`;
  if (disk.backendDomain !== undefined)
    return refuse(
      `${name} is served by the driver domain '${disk.backendDomain}', where nobody can freeze it`,
      `Leave out backend=${disk.backendDomain} in the disk's line, so that dom0 serves it.`,
    );
  if (disk.specification === "virtio" || disk.backendType === "standalone")
    return refuse(
      `${name} is served by a virtio backend that libxl knows nothing of`,
      "Put backendtype=qdisk in place of specification=virtio and backendtype=standalone.",
    );
  if (disk.others?.["colo"] === true)
    return refuse(`${name} is replicated (COLO)`, "Leave out colo in the disk's line.");
  if (disk.script !== undefined && !isBlockTap(disk))
    return refuse(
      `${name} is made by the script '${disk.script}', and what it stands for is not known`,
      `Leave out script=${disk.script}, and name the device itself as target.`,
    );
  return undefined;
}

function refuseLive(
  { vdev }: XlDisk,
  disk: DomainDisk,
  wish: DiskWish,
  { stubDomain, restrictedQemu }: AssessedGuest["guest"],
  { noMonitor, openTwice }: Omit<AssessedGuest, "guest">,
): DiskVerdict | undefined {
  const name = `disk '${vdev}'`;
  const isOverlay = wish.mode === "external" && wish.externalKind === "overlay";
  if (stubDomain === true)
    return refuse(
      `${name}: the guest's device model is in a stub domain, which cannot be asked to freeze it`,
      "Set device_model_stubdomain_override=0, or shut the guest down first.",
    );
  if (disk.driverName === "phy" && (isOverlay || wish.mode === "internal"))
    return refuseKernels(disk, wish);
  if (disk.driverName !== "qemu" || disk.readonly) return undefined;
  if (noMonitor !== undefined) return refuse(`${name}: ${noMonitor}`, "Shut the guest down first.");
  if (openTwice?.has(vdev) === true)
    return refuse(
      `${name} is open twice: the guest has not let go of the emulated one, and a snapshot through one would be overwritten through the other`,
      "Give the guest Xen's drivers, or name the disk xvde or later, which is not emulated; else shut the guest down first.",
    );
  if (restrictedQemu === true && isOverlay)
    return refuse(
      `${name}: the guest's QEMU is restricted and may not open an overlay`,
      "Set dm_restrict=0, ask for an internal snapshot, or shut the guest down first.",
    );
  return undefined;
}

function refuseKernels({ target }: DomainDisk, { mode }: DiskWish): DiskVerdict {
  const inside = mode === "internal" ? " and format=qcow2 (qemu-img convert)" : "";
  return refuse(
    `disk '${target}' is served by the kernel (phy), which can only be copied while the guest runs`,
    `Put backendtype=qdisk${inside} in the disk's line, or ask for an external snapshot in the format raw.`,
  );
}
