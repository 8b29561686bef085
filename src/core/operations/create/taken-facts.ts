import type { CreateFlags, Domain } from "../../model/index.js";
import { fileOfDiskSnapshot } from "../../plan/disk-images.js";
import type { ImageFacts } from "../../plan/image-facts.js";
import { ImageNeeds } from "../../plan/image-needs.js";
import type { AssignedDisk } from "../shared/choose-backend.js";
import type { ServiceContext } from "../shared/context.js";
import { gatherNeeds } from "../shared/gather-needs.js";
import { lookInto, type AskedImage } from "../shared/image-facts.js";
import type { ChangeOptions } from "../shared/results.js";

/** Asks who needs what a snapshot freezes or reuses; nothing where it does neither. */
export async function gatherTaken(
  context: ServiceContext,
  domain: Domain,
  disks: readonly AssignedDisk[],
  { reuseExternal }: CreateFlags,
  options: Pick<ChangeOptions, "assumeLost">,
): Promise<Omit<ImageFacts, "trust">> {
  const freezes = disks.some(
    ({ disk, backend }) => disk.mode === "external" && backend.externalKind === "overlay",
  );
  if (!freezes && reuseExternal !== true) return { needs: ImageNeeds.none, states: new Map() };
  const reused = reuseExternal === true ? disks.flatMap((disk) => reusedFile(context, disk)) : [];
  const needs = await gatherNeeds(
    context,
    { domain, definitionsOnly: reuseExternal !== true },
    reused,
    options,
  );
  return { needs, states: await lookInto(reused) };
}

function reusedFile({ inspectors }: ServiceContext, { disk }: AssignedDisk): AskedImage[] {
  const image = fileOfDiskSnapshot(disk);
  return image ? [{ image, backend: inspectors }] : [];
}
