import type { DomainDisk } from "../../core/model/index.js";
import type { DiskVerdict, DiskWish, ImageInfo } from "../../core/ports/index.js";
import { refuse } from "../../plugin-kit/disk-verdict.js";

/**
 * Bitmaps tell a backup program what has changed since its last run. What is written to an overlay is
 * not in the bitmaps of the image below, and QEMU goes back to no internal snapshot of an image that
 * has any, which it would say when it is too late.
 */
export function refuseBitmaps(
  { target }: Pick<DomainDisk, "target">,
  { path, bitmaps = [] }: Pick<ImageInfo, "path" | "bitmaps">,
  { verb, mode }: Pick<DiskWish, "verb" | "mode">,
): DiskVerdict | undefined {
  const [first] = bitmaps;
  const breaks =
    verb === "create" && mode === "external"
      ? "would not record what is written to an overlay"
      : verb === "revert" && mode === "internal"
        ? "would not tell what going back changes"
        : undefined;
  if (first === undefined || breaks === undefined) return undefined;
  const inside = verb === "create" ? "Ask for an internal snapshot, or remove" : "Remove";
  return refuse(
    `disk '${target}': image '${path}' has bitmaps for backups (${namesOf(bitmaps)}), which ${breaks}`,
    `${inside} each while the guest is off: 'qemu-img bitmap --remove ${path} ${first}'. The next backup is a full one then.`,
  );
}

function namesOf(bitmaps: readonly string[]): string {
  return bitmaps.map((name) => `'${name}'`).join(", ");
}
