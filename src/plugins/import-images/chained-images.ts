import { basename, dirname, extname } from "node:path";

import { imageOfDisk, type DomainDefinition } from "../../core/model/index.js";
import type { ImportItem, RecordProblem } from "../../core/ports/index.js";
import { relocateDisks } from "../../xml/index.js";
import { linksOf, type Link } from "./chain-links.js";
import { momentNotes, problemOf, WORD } from "./found-item.js";

/**
 * One snapshot for each state that the images of a domain stand on: chains of qcow2, qed and VHD
 * images. Links of several disks are one snapshot only where the files say so by their names. In
 * the order in which they were frozen; the last one is current.
 */
export async function findChained(
  definition: DomainDefinition,
  problems: RecordProblem[],
): Promise<ImportItem[]> {
  const chains: (readonly Link[])[] = [];
  for (const disk of definition.disks) {
    const image = imageOfDisk(disk);
    if (!image || disk.readonly) continue;
    try {
      chains.push(await linksOf(disk.target, image));
    } catch (thrown) {
      problems.push(problemOf(image, thrown));
    }
  }
  const items = inOrder(grouped(chains), chains).map(([name, links]) =>
    chainItem(name, links, definition),
  );
  const last = items.at(-1);
  return last ? [...items.slice(0, -1), { ...last, current: true }] : [];
}

type Group = readonly [name: string, links: readonly Link[]];

function grouped(chains: readonly (readonly Link[])[]): Group[] {
  const byName = new Map<string, Link[]>();
  for (const chain of chains)
    for (const [depth, link] of chain.entries()) {
      const { name, isSnapshots } = nameOf(link);
      const rivals = byName.get(name) ?? [];
      // Two overlays of one disk under one name are two moments.
      const isOwn = isSnapshots && rivals.every(({ target }) => target !== link.target);
      const free =
        rivals.length === 0 || isOwn ? name : freeName(byName, `${name}.${link.target}`, depth);
      byName.set(free, [...(byName.get(free) ?? []), link]);
    }
  return [...byName];
}

function freeName(taken: ReadonlyMap<string, unknown>, name: string, depth: number): string {
  return taken.has(name) ? `${name}.${String(depth)}` : name;
}

/** By time, but never an overlay before what it stands on. */
function inOrder(groups: readonly Group[], chains: readonly (readonly Link[])[]): Group[] {
  const below = new Map(
    chains.flatMap((chain) => chain.map((link, depth) => [link, chain[depth - 1]])),
  );
  const waiting = [...groups].sort(([, a], [, b]) => timeOf(a) - timeOf(b));
  const placed = new Set<Link | undefined>([undefined]);
  const ordered: Group[] = [];
  while (waiting.length > 0) {
    const ready = waiting.findIndex(([, links]) =>
      links.every((link) => placed.has(below.get(link))),
    );
    // Names that cross each other leave none that is ready.
    const [next] = waiting.splice(Math.max(ready, 0), 1);
    if (!next) break;
    for (const link of next[1]) placed.add(link);
    ordered.push(next);
  }
  return ordered;
}

function timeOf(links: readonly Link[]): number {
  return Math.max(...links.map(({ madeAt }) => madeAt));
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
 * frozen image. Else the file has only a name of its own, which other disks do not share: that of
 * the overlay, or of a frozen VHD, which keeps its name while XenServer replaces what is above it.
 */
function nameOf({ overlay, frozen }: Link): { name: string; isSnapshots: boolean } {
  const isVhd = overlay.format === "vhd";
  for (const { path } of isVhd ? [frozen, overlay] : [overlay]) {
    const extension = extname(path);
    if (extension.length > 1 && !EXTENSIONS.has(extension))
      return { name: extension.slice(1), isSnapshots: true };
  }
  const { path } = isVhd ? frozen : overlay;
  return { name: basename(path, extname(path)), isSnapshots: false };
}

function chainItem(name: string, links: readonly Link[], definition: DomainDefinition): ImportItem {
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
  const told = links.map(({ overlay, frozen }) => `${overlay.path} on ${frozen.path}`).join(", ");
  return {
    origin: `${WORD}: ${[...new Set(links.map(({ overlay }) => dirname(overlay.path)))].join(", ")}`,
    notes: [
      `told from backing files: ${told}`,
      ...momentNotes(links.map(({ madeAt }) => madeAt)),
      ...links.flatMap(({ notes }) => notes),
    ],
    snapshot: {
      name,
      state: "shutoff",
      creationTime: BigInt(timeOf(links)),
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
