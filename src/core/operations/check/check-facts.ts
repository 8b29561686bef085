import { asDomsnapError } from "../../errors/index.js";
import type {
  DiskSnapshot,
  DomainDefinition,
  DomainDisk,
  DomainSnapshot,
  ImageRef,
} from "../../model/index.js";
import type { BackendRegistry } from "../../plan/backend-registry.js";
import type { ImageInspectors } from "../../plan/image-inspectors.js";
import type { ImageNeeds } from "../../plan/image-needs.js";
import { fileOfDiskSnapshot, findDisk, imageOfDisk, isTaken } from "../../plan/disk-images.js";
import { definitionsOf } from "../../plan/image-references.js";
import type { DiskBackend } from "../../ports/index.js";
import type { Finding, HeldDisk, ImageFact } from "../../rules/index.js";
import type { ServiceContext } from "../shared/context.js";

/** An image that somebody names. */
interface NamedImage {
  readonly image: ImageRef;
  /** Who looks into it: its keeper if that is known, else who reads its format. */
  readonly looker: Pick<ImageInspectors, "inspect" | "findDependents">;
  /** Who would put further images on it. */
  readonly extender: DiskBackend | undefined;
  readonly opened: boolean;
}

/** The disks of all records with the images that hold their states. */
export function heldDisks(
  { backends }: ServiceContext,
  records: readonly DomainSnapshot[],
): HeldDisk[] {
  return records.flatMap((snapshot) =>
    snapshot.disks.filter(isTaken).flatMap((disk): HeldDisk[] => {
      const domainDisk = findDisk(snapshot.domain, disk.name);
      const image = imageOfDisk(domainDisk);
      const backend = installedKeeper(backends, domainDisk, disk);
      if (!image || !backend) return [];
      // Where paths stay, a revert puts the overlay of another snapshot under the same name.
      const file = backend.keepsPaths === true ? undefined : fileOfDiskSnapshot(disk);
      const held = { snapshot, target: disk.name, mode: disk.mode, image };
      return [{ ...held, externalKind: backend.externalKind, ...(file ? { file } : {}) }];
    }),
  );
}

/** Disks whose recorded backend is not there. */
export function missingBackends(
  { backends }: ServiceContext,
  records: readonly DomainSnapshot[],
): Finding[] {
  return records.flatMap(({ name, disks, revertDisks = [] }) =>
    [...disks, ...revertDisks].flatMap((disk): Finding[] => {
      if (disk.backend === undefined || backends.find(disk.backend)) return [];
      const detail = `disk '${disk.name}' is kept by '${disk.backend}'`;
      return [{ code: "backend-missing", subject: name, detail }];
    }),
  );
}

/** Who keeps a disk; undefined where that backend is not installed, which is a finding of its own. */
function installedKeeper(
  backends: BackendRegistry,
  domainDisk: DomainDisk | undefined,
  disk: DiskSnapshot,
): DiskBackend | undefined {
  if (disk.backend !== undefined) return backends.find(disk.backend);
  return domainDisk && backends.best(domainDisk, disk);
}

/** Looks into every image that a record or a definition of the domain names. */
export async function lookAtImages(
  context: ServiceContext,
  records: readonly DomainSnapshot[],
  definitions: readonly DomainDefinition[],
  needs: ImageNeeds,
): Promise<Map<string, ImageFact>> {
  const named = namedImages(context, records, definitions);
  const facts = new Map<string, ImageFact>();
  for (const [path, one] of named) facts.set(path, await lookAt(context, one));
  const known = new Set([...named.keys(), ...[...facts.values()].flatMap(({ chain }) => chain)]);
  for (const [path, { image, looker }] of named) {
    const fact = facts.get(path);
    const above = await looker.findDependents(image, [...known]).catch(() => []);
    const strangers = above.filter(
      (candidate) => !known.has(candidate) && needs.knownNeedsOf(candidate).length === 0,
    );
    if (fact && strangers.length > 0) facts.set(path, { ...fact, strangers });
  }
  return facts;
}

function namedImages(
  { backends, inspectors }: ServiceContext,
  records: readonly DomainSnapshot[],
  definitions: readonly DomainDefinition[],
): Map<string, NamedImage> {
  const named = new Map<string, NamedImage>();
  for (const { disks, revertDisks = [], domain } of records)
    for (const disk of [...disks, ...revertDisks]) {
      const file = fileOfDiskSnapshot(disk);
      const domainDisk = findDisk(domain, disk.name);
      const keeper = installedKeeper(backends, domainDisk, disk);
      const seenBy = { looker: keeper ?? inspectors, extender: keeper };
      if (file) named.set(file.path, { image: file, ...seenBy, opened: false });
    }
  for (const { disks } of [...records.flatMap(definitionsOf), ...definitions])
    for (const disk of disks) {
      const image = imageOfDisk(disk);
      const extender = backends.choose(disk, { mode: "external" });
      if (image && !disk.readonly)
        named.set(image.path, { image, looker: inspectors, extender, opened: true });
    }
  return named;
}

async function lookAt(
  { inspectors }: ServiceContext,
  { image, looker, extender, opened }: NamedImage,
): Promise<ImageFact> {
  const limit = extender?.longestChain;
  const fact = {
    image,
    opened,
    strangers: [],
    ...(limit === undefined ? {} : { longestChain: limit }),
  };
  const below: string[] = [];
  try {
    const info = await looker.inspect(image);
    const loops = await inspectors.walkBelow(info, (path) => below.push(path));
    return { ...fact, info, chain: below, loops, faults: await inspectors.examine(image) };
  } catch (thrown) {
    return { ...fact, chain: below, loops: false, error: asDomsnapError(thrown) };
  }
}
