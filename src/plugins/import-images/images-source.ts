import { basename, dirname, extname } from "node:path";
import { stat } from "node:fs/promises";

import { asDomsnapError, DomsnapError } from "../../core/errors/index.js";
import type { Domain, DomainDefinition, DomainDisk, ImageRef } from "../../core/model/index.js";
import type {
  DiskBackend,
  ImageSnapshot,
  ImportItem,
  ImportMaterial,
  ImportSource,
  RecordProblem,
} from "../../core/ports/index.js";
import { relocateDisks } from "../../xml/index.js";
import { imageBelow } from "../lib/definition-below.js";
import { imageOfDisk } from "../lib/disk-verdict.js";
import { hostImageFiles, peekParent } from "../lib/vhd/index.js";

const WORD = "images";
/** Snapshots of one name that are further apart may be of different moments. */
const SAME_MOMENT_SECONDS = 60;
/** Longer chains are a mistake or an attack. */
const MAX_CHAIN_IMAGES = 256;

/**
 * Snapshots that nobody has recorded, told from the images of a domain alone: internal ones of
 * qcow2 images, grouped by their tag, and chains of qcow2, qed or VHD overlays, grouped by the name
 * that the files have. Parents are not told by images: all are chained, internal ones by time.
 */
export class ImagesSource implements ImportSource {
  readonly id = WORD;
  readonly summary = "the word 'images': what the images of --domain hold without a record";

  constructor(private readonly backends: readonly DiskBackend[]) {}

  recognizes(source: string): Promise<boolean> {
    return Promise.resolve(source === WORD);
  }

  async read(_source: string, domain: Domain | undefined): Promise<ImportMaterial> {
    if (!domain) throw new DomsnapError("invalid-argument", "the images of a domain need --domain");
    const definition = domain.inactiveDefinition ?? domain.definition;
    const problems: RecordProblem[] = [];
    const chained = await findChains(definition, problems);
    const internal = await this.#findInternal(definition, problems);
    return { items: linked([...internal, ...chained]), problems, definition };
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
      for (const snapshot of await this.#snapshotsIn(disk, image, problems))
        byTag.set(snapshot.tag, [...(byTag.get(snapshot.tag) ?? []), { disk, snapshot }]);
    }
    return [...byTag].map(([tag, found]) => internalItem(tag, found, capable, definition));
  }

  async #snapshotsIn(
    disk: DomainDisk,
    image: ImageRef,
    problems: RecordProblem[],
  ): Promise<readonly ImageSnapshot[]> {
    const backend = this.backends.find((one) => one.claims(disk, { mode: "internal" }));
    try {
      return (await backend?.inspect(image))?.snapshots ?? [];
    } catch (thrown) {
      problems.push({ record: image.path, reason: asDomsnapError(thrown).message });
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
  if (Math.max(...times) - Math.min(...times) > SAME_MOMENT_SECONDS)
    notes.push("its disks were taken at different times, and may not fit each other");
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

/** One overlay of a disk's chain and the image that it froze. */
interface Link {
  readonly target: string;
  readonly overlay: ImageRef;
  readonly frozen: ImageRef;
  /** 0 for the bottom of the chain. */
  depth: number;
}

async function findChains(
  definition: DomainDefinition,
  problems: RecordProblem[],
): Promise<ImportItem[]> {
  const byName = new Map<string, Link[]>();
  for (const disk of definition.disks) {
    const image = imageOfDisk(disk);
    if (!image || disk.readonly) continue;
    for (const link of await chainOf(disk.target, image, problems)) {
      const name = nameOf(link);
      const group = byName.get(name) ?? [];
      // Two overlays of one disk under one name are two moments.
      const isTaken = group.some(({ target }) => target === link.target);
      const free = isTaken ? `${name}.${String(link.depth)}` : name;
      byName.set(free, [...(byName.get(free) ?? []), link]);
    }
  }
  const groups = [...byName].sort(([, a], [, b]) => depthOf(a) - depthOf(b));
  const items: ImportItem[] = [];
  for (const [name, links] of groups) items.push(await chainItem(name, links, definition));
  const last = items.at(-1);
  return last ? [...items.slice(0, -1), { ...last, current: true }] : [];
}

function depthOf(links: readonly Link[]): number {
  return Math.max(...links.map(({ depth }) => depth));
}

async function chainOf(target: string, top: ImageRef, problems: RecordProblem[]): Promise<Link[]> {
  const links: Link[] = [];
  const seen = new Set<string>();
  let overlay = top;
  for (;;) {
    const frozen = await below(overlay, problems);
    if (!frozen) break;
    if (seen.has(frozen.path) || links.length === MAX_CHAIN_IMAGES) {
      problems.push({ record: top.path, reason: "its backing files form a loop" });
      return [];
    }
    seen.add(frozen.path);
    links.unshift({ target, overlay, frozen, depth: 0 });
    overlay = frozen;
  }
  return links.map((link, depth) => ({ ...link, depth }));
}

async function below(overlay: ImageRef, problems: RecordProblem[]): Promise<ImageRef | undefined> {
  try {
    if (overlay.format === "vhd") {
      const parent = await peekParent(hostImageFiles, overlay.path);
      const format = parent?.uuid === undefined ? "raw" : "vhd";
      return parent && { path: parent.path, type: "file", format };
    }
    const base =
      overlay.format === "qcow2" || overlay.format === "qed"
        ? await imageBelow(overlay.path)
        : undefined;
    return base && { ...base, type: "file" };
  } catch (thrown) {
    problems.push({ record: overlay.path, reason: asDomsnapError(thrown).message });
    return undefined;
  }
}

/** Endings that say what an image is and not which moment it keeps. */
const EXTENSIONS: ReadonlySet<string> = new Set([
  ".qcow2",
  ".qed",
  ".img",
  ".raw",
  ".vhd",
  ".snap",
]);

/**
 * libvirt puts the name of a snapshot behind the last dot of its overlay; blktap gives it to the
 * frozen image. Else the overlay's own name has to do.
 */
function nameOf({ overlay, frozen }: Link): string {
  for (const { path } of overlay.format === "vhd" ? [frozen, overlay] : [overlay]) {
    const extension = extname(path);
    if (extension.length > 1 && !EXTENSIONS.has(extension)) return extension.slice(1);
  }
  return basename(overlay.path, extname(overlay.path));
}

async function chainItem(
  name: string,
  links: readonly Link[],
  definition: DomainDefinition,
): Promise<ImportItem> {
  const byTarget = new Map(links.map((link) => [link.target, link]));
  const domain = relocateDisks(
    definition,
    links.map(({ target, frozen }) => ({
      target,
      type: frozen.type,
      format: frozen.format,
      source: { path: frozen.path },
    })),
  );
  return {
    origin: `${WORD}: ${[...new Set(links.map(({ overlay }) => dirname(overlay.path)))].join(", ")}`,
    notes: [
      `told from backing files: ${links.map(({ overlay, frozen }) => `${overlay.path} on ${frozen.path}`).join(", ")}`,
    ],
    snapshot: {
      name,
      state: "shutoff",
      creationTime: await timeOf(links),
      memory: { mode: "no" },
      disks: definition.disks.map(({ target }) => {
        const link = byTarget.get(target);
        if (!link) return { name: target, type: "file", mode: "no" };
        const { path, type, format } = link.overlay;
        return { name: target, type, mode: "external", format, source: { path } };
      }),
      domain,
    },
  };
}

/** When the overlays were made, as far as the file system knows. */
async function timeOf(links: readonly Link[]): Promise<bigint> {
  const times = await Promise.all(
    links.map(async ({ overlay }) => {
      const { birthtimeMs, mtimeMs } = await stat(overlay.path);
      return birthtimeMs > 0 ? Math.min(birthtimeMs, mtimeMs) : mtimeMs;
    }),
  );
  return BigInt(Math.floor(Math.max(...times) / 1000));
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
