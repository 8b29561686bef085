import type { DomainDefinition, DomainSnapshot } from "../core/model/index.js";
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
  const overlays = overlaysOf(snapshot);
  const domain = overlays.length === 0 ? present : await definitionBelow(present, overlays);
  if (!domain) return snapshot;
  const named = new Set(snapshot.disks.map(({ name }) => name));
  const others = domain.disks
    .filter(({ target }) => !named.has(target))
    .map(({ target }) => ({ name: target, type: "file", mode: "no" }) as const);
  return { ...snapshot, domain, disks: [...snapshot.disks, ...others] };
}

/** The files that disks went on in; a raw file can only be a copy. */
export function overlaysOf({ disks }: DomainSnapshot): { target: string; path: string }[] {
  return disks.flatMap(({ name, mode, format, source }) =>
    mode === "external" && format !== "raw" && source?.path !== undefined
      ? [{ target: name, path: source.path }]
      : [],
  );
}
