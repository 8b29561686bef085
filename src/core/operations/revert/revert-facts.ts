import { DomsnapError } from "../../errors/index.js";
import { isActive, type Domain, type DomainSnapshot, type ImageRef } from "../../model/index.js";
import type { RevertDecisionFacts } from "../../plan/decide-revert.js";
import { imageOf } from "../../plan/disk-images.js";
import type { Answer, Locator } from "../../plan/answer.js";
import type { FileProbe } from "../../ports/index.js";
import { externalFileName } from "../../rules/index.js";
import { assignBackends, type AssignedDisk } from "../shared/choose-backend.js";
import type { ServiceContext } from "../shared/context.js";
import { gatherNeeds } from "../shared/gather-needs.js";
import { gatherTrust } from "../shared/gather-trust.js";
import { lookAtMemories, type AskedImage } from "../shared/image-facts.js";
import { readAllRecords, type Heads } from "../shared/records.js";
import type { ChangeOptions } from "../shared/results.js";

/** Asks all that a revert is decided from. */
export async function gatherRevert(
  context: ServiceContext,
  domain: Domain,
  snapshot: DomainSnapshot,
  heads: Heads,
  fromMemory: boolean,
  options: Pick<ChangeOptions, "assumeLost" | "trustFolders">,
): Promise<RevertDecisionFacts> {
  const records = await readAllRecords(context, domain.uuid, heads, options);
  const disks = await assignBackends(context.backends, snapshot.domain, snapshot.disks, {
    verb: "revert",
    live: isActive(domain),
    captured: true,
  });
  const asked = imagesToChange(disks, domain, snapshot);
  const needs = await gatherNeeds(context, { domain, records }, asked, options);
  const trust = await gatherTrust(context, domain, records, needs, options);
  const { memory } = snapshot;
  const { restores } = context.connection.toolstack.live ?? {};
  const memoryFiles = fromMemory && memory?.mode === "external" ? [memory.file ?? ""] : [];
  return {
    ...{ domain, snapshot, disks, records, tree: heads.tree, fromMemory },
    current: heads.current?.name,
    backends: context.backends,
    images: { needs, states: new Map(), trust },
    overlayNames: overlayNames(context, frozenImages(disks, snapshot)),
    savedMemory: {
      looks: await lookAtMemories(context, memoryFiles),
      ...(restores && { restores }),
    },
  };
}

/** The images that a revert may write to or replace. */
function imagesToChange(
  disks: readonly AssignedDisk[],
  domain: Domain,
  snapshot: DomainSnapshot,
): AskedImage[] {
  return disks.flatMap(({ disk, backend }): AskedImage[] => {
    const overlays = isOverlay(disk, backend);
    if (overlays && backend.keepsPaths !== true) return [];
    const image = imageOf(overlays ? domain.definition : snapshot.domain, disk.name);
    return image ? [{ image, backend }] : [];
  });
}

function frozenImages(disks: readonly AssignedDisk[], { domain }: DomainSnapshot): ImageRef[] {
  return disks.flatMap(({ disk, backend }) =>
    isOverlay(disk, backend) ? (imageOf(domain, disk.name) ?? []) : [],
  );
}

function isOverlay({ mode }: AssignedDisk["disk"], backend: AssignedDisk["backend"]): boolean {
  return mode === "external" && backend.externalKind === "overlay";
}

/**
 * libvirt names the overlays of a revert by its time; where the name is taken, by the seconds that
 * follow. As many free names for each image as there are images, as two may want the same ones.
 */
function overlayNames(
  { probe, nowSeconds }: ServiceContext,
  frozen: readonly ImageRef[],
): ReadonlyMap<Locator, Answer<readonly Locator[]>> {
  const now = nowSeconds();
  return new Map(
    frozen
      .filter(({ type }) => type === "file")
      .map(({ path }) => [path, freeNames(probe, path, now, frozen.length)]),
  );
}

function freeNames(
  probe: FileProbe,
  path: Locator,
  now: bigint,
  count: number,
): Answer<readonly Locator[]> {
  const names: Locator[] = [];
  for (let seconds = now; names.length < count; seconds += 1n) {
    const name = externalFileName(path, String(seconds));
    const fact = probe(name);
    // Another second would not help: it is the folder that cannot be looked into, or the length.
    if (fact.kind === "unknown") return { known: false, error: noOverlayName(path, fact.reason) };
    if (fact.kind === "absent") names.push(name);
  }
  return { known: true, value: names };
}

function noOverlayName(path: Locator, reason: string): DomsnapError {
  return new DomsnapError(
    "config-unsupported",
    `cannot generate an overlay name beside '${path}': ${reason}`,
    { hint: "Shorten the name of the image, or make its folder readable." },
  );
}
