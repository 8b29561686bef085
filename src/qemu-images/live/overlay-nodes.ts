import type { ImageRef } from "../../core/model/index.js";
import { qmpFailureOf, queryBlockGraph, type QmpClient } from "../../clients/qmp/index.js";
import type { LiveDisk } from "./find-live-disks.js";
import { imageIdentity, nodesOf } from "./live-guest.js";
import { describeOverlayNode, freeNodeName } from "./overlay-node.js";

/** Opens an overlay that is not attached yet; one that is open stays as it is. */
export async function openOverlay(
  client: QmpClient,
  disk: LiveDisk,
  overlay: ImageRef,
): Promise<void> {
  const graph = await queryBlockGraph(client);
  if (nodesOf(graph, overlay.path).length > 0) return;
  const node = describeOverlayNode(disk, overlay, freeNodeName(disk.target, graph));
  await client.execute("blockdev-add", { ...node });
}

/**
 * Closes what QEMU has open of an image that no guest device uses any more. Says whether all is
 * closed: what is part of a chain cannot be.
 */
export async function closeImage(client: QmpClient, path: string): Promise<boolean> {
  for (const { name } of nodesOf(await queryBlockGraph(client), path))
    try {
      await client.execute("blockdev-del", { "node-name": name });
    } catch (thrown) {
      // Made by QEMU itself: it goes with what it belongs to.
      if (!qmpFailureOf(thrown)) throw thrown;
    }
  return nodesOf(await queryBlockGraph(client), path).length === 0;
}

/** Whether a guest device stands on an image, directly or through the images above. */
export async function isInChain(client: QmpClient, path: string): Promise<boolean> {
  const identity = imageIdentity(path);
  const { devices } = await queryBlockGraph(client);
  return devices.some(({ chain = [] }) => chain.some((name) => imageIdentity(name) === identity));
}
