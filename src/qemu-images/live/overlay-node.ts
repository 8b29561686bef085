import type { ImageRef } from "../../core/model/index.js";
import type { BlockGraph } from "../../clients/qmp/index.js";
import type { LiveDisk } from "./find-live-disks.js";

/** QEMU takes names of up to this many characters. */
const MAX_NODE_NAME_LENGTH = 31;

/** The arguments of `blockdev-add` for an overlay that is not attached yet. */
export interface OverlayNode {
  readonly "node-name": string;
  readonly driver: string;
  readonly file: { readonly driver: "file"; readonly filename: string };
  readonly "read-only": false;
  /** An overlay is sparse whatever its base is, and gives room back. */
  readonly discard: "unmap";
  readonly cache: { readonly direct: boolean; readonly "no-flush": boolean };
  /** The image below is the one that QEMU has open, not another opening of it. */
  readonly backing: null;
}

/**
 * How to open the overlay of a disk before the guest is frozen, so that attaching it takes but a
 * moment. Caches work as they do for the disk now. The header of the file has to name its backing
 * image and format all the same: who opens the chain next needs them.
 */
export function describeOverlayNode(
  disk: LiveDisk,
  file: Pick<ImageRef, "path" | "format">,
  nodeName: string,
): OverlayNode {
  const { direct, noFlush } = disk.node.cache;
  const cache = { direct, "no-flush": noFlush };
  return {
    "node-name": nodeName,
    driver: file.format,
    file: { driver: "file", filename: file.path },
    "read-only": false,
    discard: "unmap",
    cache,
    backing: null,
  };
}

/** A name for a new node of a disk that no node has: `domsnap-vda-1`, `domsnap-vda-2`, ... */
export function freeNodeName(target: string, graph: Pick<BlockGraph, "nodes">): string {
  const taken = new Set(graph.nodes.map(({ name }) => name));
  for (let number = 1; ; number++) {
    const suffix = `-${number}`;
    const name = `domsnap-${target}`.slice(0, MAX_NODE_NAME_LENGTH - suffix.length) + suffix;
    if (!taken.has(name)) return name;
  }
}
