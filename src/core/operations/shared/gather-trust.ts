import type { Domain, DomainSnapshot } from "../../model/index.js";
import type { Locator } from "../../plan/answer.js";
import type { ImageNeeds } from "../../plan/image-needs.js";
import { knownImages } from "../../plan/image-references.js";
import { Trust } from "../../plan/trust.js";
import type { ServiceContext } from "./context.js";
import type { ChangeOptions } from "./results.js";

/**
 * Asks which of some names (by default all that are known) lead to where the domain's files may be;
 * see `Trust`. Of devices each counts for itself: their folder is everybody's.
 */
export async function gatherTrust(
  { connection: { store }, files, trustedFolders }: ServiceContext,
  domain: Domain,
  records: readonly DomainSnapshot[],
  needs: ImageNeeds,
  { trustFolders = [] }: Pick<ChangeOptions, "trustFolders">,
  asked: readonly Locator[] = needs.names,
): Promise<Trust> {
  const own = ownPlaces(domain, records);
  const names = [...new Set([...asked, ...own.files])];
  const foldersByName = new Map(
    await Promise.all(names.map(async (name) => [name, await files.foldersOf(name)] as const)),
  );
  const foldersOf = (name: Locator) => foldersByName.get(name) ?? [];
  const trees = await Promise.all([...trustedFolders, ...trustFolders].map(realFolder));
  const recordFolder = store.folder?.(domain.uuid);
  const folders = new Set(own.files.flatMap(foldersOf));
  if (recordFolder !== undefined) folders.add(await realFolder(recordFolder));
  const isIn = (folder: string) =>
    folders.has(folder) ||
    trees.some((tree) => folder === tree || folder.startsWith(tree === "/" ? tree : `${tree}/`));
  const isOwnDevice = (name: Locator) => own.devices.some((device) => needs.isSame(device, name));
  return new Trust(names.filter((name) => isOwnDevice(name) || foldersOf(name).every(isIn)));

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
  const images = [...knownImages(taken, [definition, inactiveDefinition]).values()];
  const memory = taken.flatMap((record) => record.memory?.file ?? []);
  return {
    files: [...images.filter(({ type }) => type === "file").map(({ path }) => path), ...memory],
    devices: images.filter(({ type }) => type === "block").map(({ path }) => path),
  };
}
