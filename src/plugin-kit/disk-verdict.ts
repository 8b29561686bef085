import { DomsnapError } from "../core/errors/index.js";
import { isEmptyDrive, type DomainDisk, type ImageRef } from "../core/model/index.js";
import type { DiskVerdict, DiskWish } from "../core/ports/index.js";

/** The yes. */
export const POSSIBLE: DiskVerdict = { possible: true };

/** A no: why, and what would lift it. */
export function refuse(reason: string, remedy: string): DiskVerdict {
  return { possible: false, reason, remedy };
}

/** A failure as a verdict. Anything but a DomsnapError is a defect and thrown on. */
export function refuseFor(error: unknown): DiskVerdict {
  if (!(error instanceof DomsnapError)) throw error;
  return refuse(error.detail, error.hint ?? error.kind.advice);
}

/** What speaks against any snapshot work on a disk from outside of its guest. */
export function generalRefusal(disk: DomainDisk, wish: DiskWish): DiskVerdict | undefined {
  const name = `disk '${disk.target}'`;
  if (isEmptyDrive(disk))
    return refuse(`${name} has no medium`, "Leave it out with snapshot='no'.");
  if (disk.type !== "file" && disk.type !== "block")
    return refuse(
      `can't manipulate inactive snapshots of ${name}: its type is '${disk.type}'`,
      "Leave it out with snapshot='no', or move it to a local file or block device.",
    );
  if (disk.readonly && wish.verb === "create")
    return refuse(`${name} is read-only`, "Leave it out with snapshot='no'.");
  if (wish.live && wish.captured !== true)
    return refuse(`${name} is in use by the running guest`, "Shut the guest down first.");
  return undefined;
}

/** The image of a local disk, in the format that its definition tells; raw without one. */
export function imageOfDisk(disk: DomainDisk): ImageRef | undefined {
  const path = disk.source?.path;
  if (path === undefined || (disk.type !== "file" && disk.type !== "block")) return undefined;
  return { path, type: disk.type, format: disk.format ?? "raw" };
}
