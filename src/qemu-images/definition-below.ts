import type { DomainDefinition, ImageFormat } from "../core/model/index.js";
import { IMAGE_FORMATS } from "../core/model/index.js";
import type { DiskRelocation } from "../core/ports/index.js";
import { relocateDisks } from "../xml/index.js";
import { plainBackingPath } from "../formats/qcow2/backing-name.js";
import { readImageHeader } from "../formats/qcow2/header.js";
import { readSnapshotTable } from "../formats/qcow2/snapshot-table.js";

/** An image with the one that it stands on. */
export interface ImageBelow {
  readonly path: string;
  readonly format: ImageFormat;
}

/**
 * The image below a qcow2 or qed overlay, from its header; undefined when there is none, when it is
 * no local path, or when its format is not told (QEMU would guess).
 */
export async function imageBelow(overlay: string): Promise<ImageBelow | undefined> {
  const backing = (await readImageHeader(overlay).catch(() => undefined))?.backing;
  const path = backing && plainBackingPath(backing.name, overlay);
  const format = IMAGE_FORMATS.find((known) => known === backing?.format);
  return path === undefined || format === undefined ? undefined : { path, format };
}

/**
 * A definition where the disks use those images of their chains that hold the internal snapshot:
 * their own, or the first one below that does. A disk whose chain holds none stays as it is.
 */
export async function definitionHolding(
  definition: DomainDefinition,
  targets: readonly string[],
  tag: string,
): Promise<DomainDefinition> {
  const relocations: DiskRelocation[] = [];
  for (const { target, source } of definition.disks) {
    if (!targets.includes(target) || source?.path === undefined) continue;
    const holder = await holderOf(source.path, tag);
    if (holder)
      relocations.push({ target, type: "file", format: "qcow2", source: { path: holder } });
  }
  return relocations.length === 0 ? definition : relocateDisks(definition, relocations);
}

/** Only an image below; undefined when the top one holds it, or none. */
async function holderOf(top: string, tag: string): Promise<string | undefined> {
  const seen = new Set<string>();
  let path: string | undefined = top;
  // A chain that bites its tail ends where it was before.
  while (path !== undefined && !seen.has(path)) {
    seen.add(path);
    const snapshots = await readSnapshotTable(path).catch(() => []);
    if (snapshots.some((snapshot) => snapshot.tag === tag)) return path === top ? undefined : path;
    path = (await imageBelow(path))?.path;
  }
  return undefined;
}

/**
 * The definition that a domain had before it went on in some overlays: those disks use the images
 * below. Undefined when the image below an overlay cannot be told.
 */
export async function definitionBelow(
  definition: DomainDefinition,
  overlays: readonly { readonly target: string; readonly path: string }[],
): Promise<DomainDefinition | undefined> {
  const relocations = [];
  for (const { target, path } of overlays) {
    const below = await imageBelow(path);
    if (!below) return undefined;
    relocations.push({
      target,
      type: "file",
      format: below.format,
      source: { path: below.path },
    } as const);
  }
  return relocations.length === 0 ? undefined : relocateDisks(definition, relocations);
}
