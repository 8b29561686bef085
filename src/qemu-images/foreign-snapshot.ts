import type { DomainDefinition, DomainSnapshot, ImageFormat } from "../core/model/index.js";
import { readImageHeader } from "../formats/qcow2/header.js";
import { definitionBelow } from "./definition-below.js";

/**
 * A snapshot whose description holds no definition of the domain, with the one that it must have
 * had: the present one, where disks that went on in overlays use the images below them. Disks that
 * it does not name take no part. Without a definition where the image below an overlay cannot be
 * told.
 */
export async function withDefinitionOf(
  snapshot: DomainSnapshot,
  present: DomainDefinition,
): Promise<DomainSnapshot> {
  const overlays = await overlaysOf(snapshot);
  const domain = overlays.length === 0 ? present : await definitionBelow(present, overlays);
  if (!domain) return snapshot;
  const named = new Set(snapshot.disks.map(({ name }) => name));
  const others = domain.disks
    .filter(({ target }) => !named.has(target))
    .map(({ target }) => ({ name: target, type: "file", mode: "no" }) as const);
  return { ...snapshot, domain, disks: [...snapshot.disks, ...others] };
}

/** A file that a disk went on in. */
interface Overlay {
  readonly target: string;
  readonly path: string;
}

/**
 * The files that disks went on in. One that stands on nothing is a copy; one that cannot be read,
 * or whose format does not tell, counts as an overlay.
 */
export async function overlaysOf({ disks }: DomainSnapshot): Promise<Overlay[]> {
  const overlays: Overlay[] = [];
  for (const { name, mode, format, source } of disks) {
    const path = source?.path;
    if (mode !== "external" || path === undefined) continue;
    if (!(await standsOnNothing(path, format))) overlays.push({ target: name, path });
  }
  return overlays;
}

async function standsOnNothing(path: string, format: ImageFormat | undefined): Promise<boolean> {
  // Raw has no header: what looks like one was written by the guest.
  if (format === "raw") return true;
  const header = await readImageHeader(path).catch(() => undefined);
  return header !== undefined && header.format === format && header.backing === undefined;
}
