import { imageOfDisk, type DomainDefinition } from "../../core/model/index.js";
import { imageBelow } from "../../qemu-images/definition-below.js";
import { readImageHeader } from "../../formats/qcow2/header.js";

/**
 * Images below those of a domain that hold internal snapshots, a sentence each. They are not taken
 * for the domain's: the image may be a template of others, and no revert to them is possible while
 * overlays stand on it.
 */
export async function unseenSnapshots({ disks }: DomainDefinition): Promise<string[]> {
  const seen = new Set<string>();
  const sentences: string[] = [];
  for (const disk of disks) {
    let image = imageOfDisk(disk)?.path;
    // A chain that bites its tail ends where it was before.
    while (image !== undefined && !seen.has(image)) {
      seen.add(image);
      const below: string | undefined = (await imageBelow(image))?.path;
      if (below !== undefined && !seen.has(below) && (await snapshotCount(below)) > 0)
        sentences.push(
          `'${below}', on which '${image}' stands, holds internal snapshots that are not looked at`,
        );
      image = below;
    }
  }
  return sentences;
}

async function snapshotCount(path: string): Promise<number> {
  return (await readImageHeader(path).catch(() => undefined))?.snapshotCount ?? 0;
}
