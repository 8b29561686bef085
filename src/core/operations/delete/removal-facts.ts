import { isActive, type Domain, type DomainSnapshot, type ImageRef } from "../../model/index.js";
import type { RemovalFacts } from "../../plan/decide-removal.js";
import { imageOf, imagesOf } from "../../plan/disk-images.js";
import type { ImageFacts, Locator } from "../../plan/image-facts.js";
import { knownImages } from "../../plan/image-references.js";
import type { DeleteEffect } from "../../rules/index.js";
import { assignBackends, type AssignedDisk } from "../shared/choose-backend.js";
import type { ServiceContext } from "../shared/context.js";
import { foreignPathsOf } from "../shared/foreign-paths.js";
import { findDependents, lookInto, type AskedImage } from "../shared/image-facts.js";
import { readAllRecords, type Heads } from "../shared/records.js";

/** Asks all that a delete with images is decided from. */
export async function gatherRemoval(
  context: ServiceContext,
  domain: Domain,
  heads: Heads,
  name: string,
  effect: DeleteEffect,
): Promise<RemovalFacts> {
  const { toolstack, store } = context.connection;
  const snapshot = await store.read(domain.uuid, name);
  const others = (await readAllRecords(context, domain.uuid, heads)).filter(
    (record) => record.name !== name,
  );
  const disks = await assignBackends(context.backends, snapshot.domain, snapshot.disks, {
    verb: "delete",
    live: isActive(domain),
    captured: toolstack.live !== undefined,
  });
  const foreign = foreignPathsOf(await toolstack.listDomains(), domain);
  const openImages =
    isActive(domain) && toolstack.live ? await findOpenImages(context, domain) : undefined;
  const known = knownImages([snapshot, ...others], [domain.definition, domain.inactiveDefinition]);
  const isLive = openImages !== undefined;
  const images = await lookAtFrozen(frozenImages(disks, snapshot), { known, foreign, isLive });
  const managedMemory = toolstack.live?.memoryFile?.(domain, name);
  return {
    ...{ domain, snapshot, disks, others, tree: heads.tree, effect, images },
    backends: context.backends,
    ...(openImages ? { openImages } : {}),
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

interface Neighbourhood {
  readonly known: ReadonlyMap<Locator, ImageRef>;
  readonly foreign: ReadonlySet<Locator>;
  readonly isLive: boolean;
}

/**
 * What stands on frozen images, and on that in turn. Of several overlays on one image nothing more
 * is asked: none of them can be merged.
 */
async function lookAtFrozen(
  frozen: readonly FrozenImage[],
  { known, foreign, isLive }: Neighbourhood,
): Promise<ImageFacts> {
  const candidates = [...known.keys(), ...foreign];
  const above = await findDependents(frozen, candidates);
  const overlays = frozen.flatMap(({ image, backend }): FrozenImage[] => {
    const found = above.get(image.path);
    const [sole, ...more] = found?.known ? found.value.map((path) => known.get(path)) : [];
    return sole && more.length === 0 ? [{ image: sole, backend }] : [];
  });
  const bases = frozen.filter(({ backend }) => isLive || backend.keepsPaths === true);
  return {
    foreign,
    dependents: new Map([...(await findDependents(overlays, candidates)), ...above]),
    states: await lookInto([...overlays, ...bases]),
  };
}

/** Paths of all images that an active domain has open: those of its disks, and the ones below. */
async function findOpenImages(
  { inspectors }: ServiceContext,
  { definition }: Domain,
): Promise<Set<Locator>> {
  const open = new Set<Locator>();
  for (const image of imagesOf(definition)) {
    open.add(image.path);
    await inspectors.walkBelow(await inspectors.inspect(image), (path) => open.add(path));
  }
  return open;
}
