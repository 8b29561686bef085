import {
  imageOfDisk,
  type DomainDefinition,
  type DomainSnapshot,
  type ImageRef,
} from "../model/index.js";
import type { DiskRelocation } from "../ports/index.js";
import type { Locator } from "./answer.js";

/** A definition that is to be changed: decisions tell what, and whoever knows its XML writes it. */
export interface DefinitionEdit {
  readonly definition: DomainDefinition;
  /** The domain's name afterwards, if it may have changed since the definition was stored. */
  readonly name?: string;
  readonly relocations: readonly DiskRelocation[];
}

/** A record that is to be written, and where the disks of its definitions point from then on. */
export interface RecordEdit {
  readonly snapshot: DomainSnapshot;
  readonly domain: readonly DiskRelocation[];
  readonly inactiveDomain: readonly DiskRelocation[];
}

/** A disk of a definition goes on with another image. */
export function relocationTo(
  target: string,
  { path, type, format }: ImageRef,
): DiskRelocation & { readonly source: { readonly path: string } } {
  return { target, type, source: { path }, format };
}

/** The images that a definition opens once it is changed. */
export function locatorsAfter({ definition, relocations }: DefinitionEdit): Locator[] {
  const moved = new Map(relocations.map(({ target, source }) => [target, source.path]));
  return definition.disks.flatMap(
    (disk) => moved.get(disk.target) ?? imageOfDisk(disk)?.path ?? [],
  );
}
