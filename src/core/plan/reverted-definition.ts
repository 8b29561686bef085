import type { DiskSnapshot, Domain, DomainDefinition, DomainSnapshot } from "../model/index.js";
import type { DiskRelocation } from "../ports/index.js";
import { imageOf, isTaken } from "./disk-images.js";
import { relocationTo, type DefinitionEdit } from "./document-edits.js";

/** A revert, as far as definitions are concerned. */
interface Reverted {
  readonly domain: Domain;
  readonly snapshot: DomainSnapshot;
}

/** The definition to go back to, as far as no disk goes on with another image. */
export function recordedDefinition({ domain, snapshot }: Reverted): DefinitionEdit {
  return underName(snapshot.inactiveDomain ?? snapshot.domain ?? domain.definition, domain);
}

/** The definition that was live when the snapshot's memory was saved. */
export function liveDefinition({ domain, snapshot }: Reverted): DefinitionEdit {
  return underName(snapshot.domain ?? domain.definition, domain);
}

/** A definition under the name that the domain has now (libvirt: rename-safe). */
function underName(definition: DomainDefinition, { name }: Domain): DefinitionEdit {
  return { definition, name, relocations: [] };
}

/**
 * The definition with its disks where they point after the revert: new overlays for frozen images;
 * disks that the snapshot does not cover stay on the image they use now, so that nothing written to
 * them is dropped.
 */
export function withDisks(
  { definition, ...edit }: DefinitionEdit,
  overlays: readonly DiskSnapshot[],
  { domain, snapshot }: Reverted,
): DefinitionEdit {
  const fresh = overlays.flatMap(({ name, type, source, format }): DiskRelocation[] =>
    source && format ? [{ target: name, type, source, format }] : [],
  );
  const uncovered = snapshot.disks.filter((disk) => !isTaken(disk));
  const present = uncovered.flatMap(({ name }) => {
    const recorded = imageOf(definition, name);
    const image = imageOf(domain.definition, name);
    if (!recorded || !image) return [];
    const isSame = recorded.path === image.path && recorded.format === image.format;
    return isSame ? [] : [relocationTo(name, image)];
  });
  return { ...edit, definition, relocations: [...fresh, ...present] };
}
