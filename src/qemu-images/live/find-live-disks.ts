import { DomsnapError } from "../../core/errors/index.js";
import type { ImageRef } from "../../core/model/index.js";
import type { BlockDevice, BlockGraph, BlockNode } from "../../clients/qmp/index.js";

/** A disk as the definition tells it. */
export interface WantedDisk {
  readonly target: string;
  readonly image: Pick<ImageRef, "path" | "format">;
}

/** A disk as a running QEMU has it. */
export interface LiveDisk {
  readonly target: string;
  /** The layer of the image's format, which snapshots are taken of and overlays are put above. */
  readonly node: BlockNode;
  /** What to find the disk by again, after its top layer has changed. */
  readonly device: BlockDevice;
}

/** Layers that are a file itself, not a format in it. */
const PROTOCOLS: ReadonlySet<string> = new Set(["file", "host_device", "host_cdrom"]);
const FILTERS: ReadonlySet<string> = new Set(["throttle", "copy-on-read", "preallocate"]);

/**
 * Finds the layers of a QEMU that snapshots of disks have to go through: by the image, never by
 * names, which differ between `-drive`, `-blockdev` and Xen and change with every overlay.
 * `identityOf` tells whether two paths are the same file (its real path, or device and inode).
 *
 * A disk that QEMU has open twice, as it has those of a Xen guest without its own drivers, is
 * refused: a snapshot through the one layer is overwritten through the other. Throws
 * `operation-failed` (not open, read-only) and `image-conflict` (open twice, or as another format).
 */
export function findLiveDisks(
  graph: BlockGraph,
  wanted: readonly WantedDisk[],
  identityOf: (path: string) => string,
): LiveDisk[] {
  return wanted.map((disk) => {
    const identity = identityOf(disk.image.path);
    const isOf = ({ path }: Pick<BlockNode, "path">) =>
      path !== undefined && identityOf(path) === identity;
    const devices = graph.devices.filter(({ top }) => top && isOf(top));
    const nodes = graph.nodes.filter((node) => isOf(node) && !FILTERS.has(node.driver));
    return toLiveDisk(disk, devices, nodes);
  });
}

function toLiveDisk(
  disk: WantedDisk,
  devices: readonly BlockDevice[],
  nodes: readonly BlockNode[],
): LiveDisk {
  const { target, image } = disk;
  const [device] = devices;
  if (!device) throw notOpen(disk);
  const formats = nodes.filter(({ driver }) => !PROTOCOLS.has(driver));
  // A guest device may be on the file itself, without a format between.
  const candidates = formats.length > 0 ? formats : nodes;
  const [node] = candidates;
  if (!node) throw notOpen(disk);
  if (devices.length > 1 || candidates.length > 1) throw openTwice(disk, devices, candidates);
  assertFormat(disk, node);
  if (node.readOnly)
    throw new DomsnapError(
      "operation-failed",
      `disk '${target}': QEMU has image '${image.path}' open for reading only`,
    );
  return { target, node, device };
}

function assertFormat({ target, image }: WantedDisk, { driver }: BlockNode): void {
  const opened = PROTOCOLS.has(driver) ? "raw" : driver;
  const told = image.format === "vhd" ? "vpc" : image.format;
  if (opened === told) return;
  throw new DomsnapError(
    "image-conflict",
    `disk '${target}': QEMU has image '${image.path}' open as ${opened}, not as ${told}`,
    { hint: "Correct the driver type of the disk in the definition." },
  );
}

function notOpen({ target, image }: WantedDisk): DomsnapError {
  return new DomsnapError(
    "operation-failed",
    `disk '${target}': QEMU does not have image '${image.path}' open for the guest`,
    { hint: "Compare the definition with QEMU's images: it may be older than the running guest." },
  );
}

function openTwice(
  { target, image }: WantedDisk,
  devices: readonly BlockDevice[],
  nodes: readonly BlockNode[],
): DomsnapError {
  const names =
    devices.length > 1
      ? devices.map(({ device, top }) => device ?? top?.name)
      : nodes.map(({ name }) => name);
  return new DomsnapError(
    "image-conflict",
    `disk '${target}': QEMU has image '${image.path}' open ${names.length} times (${names.join(", ")}),` +
      " and a snapshot through one of them would be overwritten through another",
    {
      hint:
        "Stop the guest first, unless it is about to start Xen's own drivers, which let go of the " +
        "emulated disk.",
    },
  );
}
