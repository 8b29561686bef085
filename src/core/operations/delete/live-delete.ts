import { DomsnapError } from "../../errors/index.js";
import type { Domain, DomainSnapshot, ImageRef } from "../../model/index.js";
import { imageOf, imageOfDisk } from "../../plan/disk-images.js";
import type { RemoveStep } from "../../model/index.js";
import type { ServiceContext } from "../shared/context.js";

/** Paths of all images that an active domain has open: those of its disks, and the ones below. */
export async function findOpenImages(
  { backends }: ServiceContext,
  { definition }: Domain,
): Promise<Set<string>> {
  const open = new Set<string>();
  for (const disk of definition.disks) {
    const backend = backends.best(disk, { mode: "internal" });
    let image = imageOfDisk(disk);
    while (image && !open.has(image.path)) {
      open.add(image.path);
      const below: { backing?: { path: string; format?: ImageRef["format"] } } | undefined =
        await backend?.inspect(image);
      const backing = below?.backing;
      image = backing && { path: backing.path, type: "file", format: backing.format ?? "raw" };
    }
  }
  return open;
}

/**
 * Throws `operation-unsupported` with libvirt's text for an internal snapshot in an image below the
 * one that the guest writes to: its QEMU has it open, and cannot change it.
 */
export function assertRemovable(
  snapshot: string,
  removals: readonly RemoveStep[],
  open: ReadonlySet<string>,
  { definition }: Domain,
): void {
  const stuck = removals.find(
    ({ target, keeps, image }) =>
      keeps === "inside" &&
      open.has(image.path) &&
      imageOf(definition, target)?.path !== image.path,
  );
  if (stuck)
    throw new DomsnapError(
      "operation-unsupported",
      `disk image '${stuck.image.path}' for internal snapshot '${snapshot}' is not the same as disk image currently used by VM`,
      { hint: "delete the overlays above first, or shut the domain down" },
    );
}

/** The file with a snapshot's memory, unless another record names it, too. */
export function memoryFileOf(
  { connection }: ServiceContext,
  domain: Domain,
  { name, memory }: DomainSnapshot,
  others: readonly DomainSnapshot[],
): { readonly memoryFile?: string } {
  if (memory?.mode === "internal") {
    const managed = connection.toolstack.live?.memoryFile?.(domain, name);
    return managed === undefined ? {} : { memoryFile: managed };
  }
  const file = memory?.mode === "external" ? memory.file : undefined;
  if (file === undefined || others.some((other) => other.memory?.file === file)) return {};
  return { memoryFile: file };
}
