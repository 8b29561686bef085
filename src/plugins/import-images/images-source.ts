import { DomsnapError } from "../../core/errors/index.js";
import {
  imageOfDisk,
  type Domain,
  type DomainDefinition,
  type DomainDisk,
  type ImageRef,
} from "../../core/model/index.js";
import type { ImageInspectors } from "../../core/plan/image-inspectors.js";
import type {
  ImageSnapshot,
  ImportItem,
  ImportMaterial,
  ImportSource,
  RecordProblem,
} from "../../core/ports/index.js";
import { momentNotes, problemOf, WORD } from "./found-item.js";
import { findChained } from "./chained-images.js";
import { unseenSnapshots } from "./unseen-snapshots.js";

/**
 * Snapshots that nobody has recorded, told from the images of a domain alone: internal ones of
 * qcow2 images, grouped by their tag, and what overlays stand on (`findChained`). Parents are not told
 * by images: all are chained, internal ones by time.
 */
export class ImagesSource implements ImportSource {
  readonly id = WORD;
  readonly summary = "the word 'images': what the images of --domain hold without a record";

  constructor(private readonly inspectors: ImageInspectors) {}

  recognizes(source: string): Promise<boolean> {
    return Promise.resolve(source === WORD);
  }

  async read(_source: string, domain: Domain | undefined): Promise<ImportMaterial> {
    if (!domain) throw new DomsnapError("invalid-argument", "the images of a domain need --domain");
    const definition = domain.inactiveDefinition ?? domain.definition;
    const problems: RecordProblem[] = [];
    const chained = await findChained(definition, problems);
    const internal = await this.#findInternal(definition, problems);
    const warnings = await unseenSnapshots(definition);
    return { items: linked([...internal, ...chained]), problems, warnings, definition };
  }

  async #findInternal(
    definition: DomainDefinition,
    problems: RecordProblem[],
  ): Promise<ImportItem[]> {
    const byTag = new Map<string, { disk: DomainDisk; snapshot: ImageSnapshot }[]>();
    const capable: DomainDisk[] = [];
    for (const disk of definition.disks) {
      const image = imageOfDisk(disk);
      if (image?.format !== "qcow2" || disk.readonly) continue;
      capable.push(disk);
      for (const snapshot of await this.#snapshotsIn(image, problems))
        byTag.set(snapshot.tag, [...(byTag.get(snapshot.tag) ?? []), { disk, snapshot }]);
    }
    return [...byTag].map(([tag, found]) => internalItem(tag, found, capable, definition));
  }

  async #snapshotsIn(
    image: ImageRef,
    problems: RecordProblem[],
  ): Promise<readonly ImageSnapshot[]> {
    try {
      return (await this.inspectors.inspect(image)).snapshots;
    } catch (thrown) {
      problems.push(problemOf(image, thrown));
      return [];
    }
  }
}

function internalItem(
  tag: string,
  found: readonly { readonly disk: DomainDisk; readonly snapshot: ImageSnapshot }[],
  capable: readonly DomainDisk[],
  definition: DomainDefinition,
): ImportItem {
  const times = found.map(({ snapshot }) => snapshot.dateSeconds);
  const targets = new Set(found.map(({ disk }) => disk.target));
  const withMemory = found.some(({ snapshot }) => snapshot.vmStateBytes > 0);
  const absent = capable.map(({ target }) => target).filter((target) => !targets.has(target));
  const notes = [`found in the images of ${[...targets].join(", ")}`];
  if (absent.length > 0)
    notes.push(`${absent.join(", ")} do not hold it: those disks are left out`);
  notes.push(...momentNotes(times));
  if (withMemory) notes.push("it holds memory that QEMU saved, which only QEMU can restore");
  return {
    origin: `${WORD}: ${tag}`,
    notes,
    snapshot: {
      name: tag,
      state: withMemory ? "running" : "shutoff",
      creationTime: BigInt(Math.max(...times)),
      memory: { mode: withMemory ? "internal" : "no" },
      disks: definition.disks.map(({ target }) => ({
        name: target,
        type: "file",
        mode: targets.has(target) ? "internal" : "no",
      })),
      domain: definition,
    },
  };
}

/** Internal ones by their time, then the chains from the bottom up. */
function linked(items: readonly ImportItem[]): ImportItem[] {
  const external = items.filter(({ snapshot }) =>
    snapshot.disks.some((d) => d.mode === "external"),
  );
  const internal = items
    .filter((item) => !external.includes(item))
    .sort((a, b) => Number(a.snapshot.creationTime - b.snapshot.creationTime));
  return [chain(internal), chain(external)].flat();
}

function chain(items: readonly ImportItem[]): ImportItem[] {
  return items.map((item, index) => {
    const parent = items[index - 1]?.snapshot.name;
    return parent === undefined ? item : { ...item, snapshot: { ...item.snapshot, parent } };
  });
}
