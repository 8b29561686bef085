import { DomsnapError } from "../core/errors/index.js";
import { imageOfDisk, isEmptyDrive, type DomainDisk } from "../core/model/index.js";
import type { DiskVerdict, DiskWish } from "../core/ports/index.js";

export { imageOfDisk };

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

/**
 * What speaks against states of a disk that the host encrypts, where they are kept by other files
 * than whole copies: nobody gives us the key, and what a guest writes would be readable in them.
 */
export function refuseEncrypted({
  target,
  encrypted,
}: Pick<DomainDisk, "target" | "encrypted">): DiskVerdict | undefined {
  if (!encrypted) return undefined;
  return refuse(
    `disk '${target}' is encrypted by the host (<encryption>), and snapshots of such disks are not supported`,
    "Leave it out with snapshot='no'; a raw one can be copied whole: snapshot='external' with driver type 'raw'.",
  );
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
