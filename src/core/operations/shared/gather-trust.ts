import { imageOfDisk, type Domain, type DomainSnapshot } from "../../model/index.js";
import type { Locator } from "../../plan/answer.js";
import { fileOfDiskSnapshot } from "../../plan/disk-images.js";
import type { ImageNeeds } from "../../plan/image-needs.js";
import { definitionsOf, listedDisks } from "../../plan/image-references.js";
import { Trust } from "../../plan/trust.js";
import type { ServiceContext } from "./context.js";
import type { ChangeOptions } from "./results.js";

/**
 * Asks which of all names that are known lead to where the domain's files may be; see `Trust`. Of
 * devices each counts for itself: their folder is everybody's.
 */
export async function gatherTrust(
  { connection: { store }, files, trustedFolders }: ServiceContext,
  domain: Domain,
  records: readonly DomainSnapshot[],
  needs: ImageNeeds,
  { trustFolders = [] }: Pick<ChangeOptions, "trustFolders">,
): Promise<Trust> {
  const own = ownPlaces(domain, records);
  const trees = await Promise.all([...trustedFolders, ...trustFolders].map(realFolder));
  const recordFolder = store.folder?.(domain.uuid);
  const folders = new Set(
    (await Promise.all(own.files.map((path) => files.foldersOf(path)))).flat(),
  );
  if (recordFolder !== undefined) folders.add(await realFolder(recordFolder));
  const isIn = (folder: string) =>
    folders.has(folder) ||
    trees.some((tree) => folder === tree || folder.startsWith(tree === "/" ? tree : `${tree}/`));
  const trusted: Locator[] = [];
  for (const name of new Set([...needs.names, ...own.files])) {
    const isOwnDevice = own.devices.some((device) => needs.isSame(device, name));
    if (isOwnDevice || (await files.foldersOf(name)).every(isIn)) trusted.push(name);
  }
  return new Trust(trusted);

  async function realFolder(folder: string): Promise<string> {
    const [real] = await files.foldersOf(`${folder.replace(/\/+$/, "")}/.`);
    return real ?? folder;
  }
}

interface OwnPlaces {
  readonly files: readonly Locator[];
  readonly devices: readonly Locator[];
}

/** What the domain opens, and what the records name that domsnap took itself. */
function ownPlaces(
  { definition, inactiveDefinition }: Domain,
  records: readonly DomainSnapshot[],
): OwnPlaces {
  const taken = records.filter((record) => record.taken === true);
  const definitions = [definition, inactiveDefinition, ...taken.flatMap(definitionsOf)];
  const images = [
    ...definitions.flatMap((one) => (one?.disks ?? []).flatMap((disk) => imageOfDisk(disk) ?? [])),
    ...taken.flatMap(listedDisks).flatMap((disk) => fileOfDiskSnapshot(disk) ?? []),
  ];
  const memory = taken.flatMap((record) => record.memory?.file ?? []);
  return {
    files: [...images.filter(({ type }) => type === "file").map(({ path }) => path), ...memory],
    devices: images.filter(({ type }) => type === "block").map(({ path }) => path),
  };
}
