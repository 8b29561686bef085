import {
  isActive,
  tagOf,
  type Domain,
  type DomainSnapshot,
  type ImageRef,
} from "../../model/index.js";
import type { Locator } from "../../plan/answer.js";
import type { RemovalFacts } from "../../plan/decide-removal.js";
import { fileOfDiskSnapshot, imageOf, imagesOf } from "../../plan/disk-images.js";
import type { ImageFacts } from "../../plan/image-facts.js";
import type { ImageNeeds } from "../../plan/image-needs.js";
import { knownImages } from "../../plan/image-references.js";
import type { DeleteEffect } from "../../rules/index.js";
import { assignBackends, type AssignedDisk } from "../shared/choose-backend.js";
import type { ServiceContext } from "../shared/context.js";
import { askWhatStandsOn, gatherNeeds } from "../shared/gather-needs.js";
import { gatherTrust } from "../shared/gather-trust.js";
import { lookAtMemories, lookInto, type AskedImage } from "../shared/image-facts.js";
import { readAllRecords, type Heads } from "../shared/records.js";
import type { ChangeOptions } from "../shared/results.js";

/** Asks all that a delete with images is decided from. */
export async function gatherRemoval(
  context: ServiceContext,
  domain: Domain,
  heads: Heads,
  name: string,
  effect: DeleteEffect,
  options: Pick<ChangeOptions, "assumeLost" | "trustFolders">,
): Promise<RemovalFacts> {
  const { toolstack, store } = context.connection;
  const snapshot = await store.read(domain.uuid, name);
  const records = await readAllRecords(context, domain.uuid, heads, options);
  const others = records.filter((record) => record.name !== name);
  const disks = await assignBackends(context.backends, snapshot.domain, snapshot.disks, {
    verb: "delete",
    live: isActive(domain),
    captured: toolstack.live !== undefined,
  });
  const frozen = frozenImages(disks, snapshot);
  const asked = [...frozen, ...copiesOf(disks, context)];
  const needs = await gatherNeeds(
    context,
    { domain, records: [snapshot, ...others] },
    asked,
    options,
  );
  const open =
    isActive(domain) && toolstack.live ? await findOpenImages(context, domain, needs) : undefined;
  const known = knownImages([snapshot, ...others], [domain.definition, domain.inactiveDefinition]);
  const looked = await lookAtFrozen(context, frozen, { known, needs, isLive: open !== undefined });
  const trust = await gatherTrust(context, domain, records, looked.needs, options);
  const images = { ...looked, trust };
  const managedMemory = toolstack.live?.memoryFile?.(domain, tagOf(snapshot));
  return {
    ...{ domain, snapshot, disks, others, tree: heads.tree, effect, images },
    backends: context.backends,
    savedMemory: await lookAtMemories(
      context,
      [snapshot.memory?.file ?? managedMemory ?? []].flat(),
    ),
    ...(open ? { openImages: open } : {}),
    ...(managedMemory === undefined ? {} : { managedMemory }),
  };
}

interface FrozenImage extends AskedImage {
  readonly backend: AssignedDisk["backend"];
}

/** The images that hold the snapshot's state below overlays. */
function frozenImages(disks: readonly AssignedDisk[], { domain }: DomainSnapshot): FrozenImage[] {
  return disks.flatMap(({ disk, backend }): FrozenImage[] => {
    const image = imageOf(domain, disk.name);
    const isFrozen = disk.mode === "external" && backend.externalKind === "overlay";
    return image && isFrozen ? [{ image, backend }] : [];
  });
}

/** The files that hold its state by themselves. */
function copiesOf(disks: readonly AssignedDisk[], { inspectors }: ServiceContext): AskedImage[] {
  return disks.flatMap(({ disk, backend }) => {
    const copy = backend.externalKind === "copy" ? fileOfDiskSnapshot(disk) : undefined;
    return copy ? [{ image: copy, backend: inspectors }] : [];
  });
}

interface Neighbourhood {
  readonly known: ReadonlyMap<Locator, ImageRef>;
  readonly needs: ImageNeeds;
  readonly isLive: boolean;
}

/** What stands on frozen images, and on that in turn. */
async function lookAtFrozen(
  context: ServiceContext,
  frozen: readonly FrozenImage[],
  { known, needs, isLive }: Neighbourhood,
): Promise<Omit<ImageFacts, "trust">> {
  const overlays = frozen.flatMap(({ image, backend }): FrozenImage[] =>
    needs
      .knownToStandOn(image.path)
      .flatMap((path) => needs.findAmong(known, path) ?? [])
      .map((overlay) => ({ image: overlay, backend })),
  );
  const bases = frozen.filter(({ backend }) => isLive || backend.keepsPaths === true);
  return {
    needs: await askWhatStandsOn(context, needs, overlays),
    states: await lookInto([...overlays, ...bases]),
  };
}

/** All images that an active domain has open: those of its disks, and the ones below; all names. */
async function findOpenImages(
  { inspectors }: ServiceContext,
  { definition }: Domain,
  needs: ImageNeeds,
): Promise<Set<Locator>> {
  const open = new Set<Locator>();
  for (const image of imagesOf(definition)) {
    open.add(image.path);
    await inspectors.walkBelow(await inspectors.inspect(image), (path) => open.add(path));
  }
  return new Set([...open].flatMap((path) => needs.namesOf(path)));
}
