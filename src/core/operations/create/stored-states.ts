import { imageOfDisk, type DiskSnapshot, type Domain, type DomainDisk } from "../../model/index.js";
import type { BackendRegistry } from "../../plan/backend-registry.js";
import type { ParsedSnapshot } from "../../ports/index.js";
import type { NamingOptions, StateNamer } from "../../rules/index.js";
import type { ServiceContext } from "../shared/context.js";

/**
 * How the disks of a new snapshot get their names, and what stands there: asked of the storages of
 * those who would keep them, and of the host.
 */
export async function gatherNaming(
  { connection: { toolstack }, backends, probe, storages }: ServiceContext,
  { definition }: Domain,
  { disks }: Pick<ParsedSnapshot, "disks">,
  snapshotName: string,
): Promise<NamingOptions> {
  if (!toolstack.touchesImages) return { snapshotName };
  const nameState: StateNamer = (disk, wish) => stateName(backends, disk, wish, snapshotName);
  const named = disks.flatMap(({ source }) => source?.path ?? []);
  const generated = definition.disks.flatMap((disk) => {
    const asked = disks.filter(({ name }) => name === disk.target || name === disk.source?.path);
    const wishes = asked.length > 0 ? asked : [{}];
    return wishes.flatMap((wish) => nameState(disk, wish) ?? []);
  });
  const knowing = await storages.probeFor(probe, [...named, ...generated]);
  return { snapshotName, nameState, probe: knowing };
}

/** Undefined where the state is to be a file. */
function stateName(
  backends: BackendRegistry,
  disk: DomainDisk,
  { backend: id, format }: Pick<DiskSnapshot, "backend" | "format">,
  snapshotName: string,
): string | undefined {
  const form = { mode: "external", ...(format && { format }) } as const;
  const backend = id === undefined ? backends.choose(disk, form) : backends.find(id);
  const image = imageOfDisk(disk);
  return image && backend?.storage?.nameFor(image, snapshotName);
}
