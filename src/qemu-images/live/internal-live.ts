import { DomsnapError } from "../../core/errors/index.js";
import type { ImageRef } from "../../core/model/index.js";
import {
  cancelJob,
  queryBlockGraph,
  runJob,
  type BlockNode,
  type JobWaitOptions,
  type QmpClient,
} from "../../clients/qmp/index.js";
import { formatNodeOf, nodesOf } from "./live-guest.js";

/** A disk whose image QEMU has open. */
export interface OpenDisk {
  readonly target: string;
  readonly image: Pick<ImageRef, "path">;
}

// QEMU does one of them at a time, so that the names need not differ between calls.
const SAVE_JOB = "domsnap-save";
const LOAD_JOB = "domsnap-load";
const DELETE_JOB = "domsnap-delete";

/** Memory and disks into the images, at one instant; QEMU stops the guest meanwhile. */
export async function saveInternal(
  client: QmpClient,
  disks: readonly OpenDisk[],
  tag: string,
  options: JobWaitOptions,
): Promise<void> {
  const graph = await queryBlockGraph(client);
  const devices = disks.map(({ image }) => formatNodeOf(graph, image.path).name);
  const args = { tag, devices, vmstate: devices[0] };
  await runJob(client, { id: SAVE_JOB, command: "snapshot-save", arguments: args }, options);
}

/** Loads memory and disks into a guest that is paused, and leaves it so. */
export async function loadInternal(
  client: QmpClient,
  disks: readonly OpenDisk[],
  tag: string,
  options: JobWaitOptions,
): Promise<void> {
  const graph = await queryBlockGraph(client);
  const nodes = disks.map(({ image }) => formatNodeOf(graph, image.path));
  const vmstate = nodes.find((node) =>
    node.snapshots?.some((snapshot) => snapshot.tag === tag && snapshot.vmStateBytes > 0),
  );
  if (!vmstate)
    throw new DomsnapError("image-conflict", `no image holds the memory of snapshot '${tag}'`);
  const args = { tag, devices: nodes.map(({ name }) => name), vmstate: vmstate.name };
  await runJob(client, { id: LOAD_JOB, command: "snapshot-load", arguments: args }, options);
}

/** The disks whose images hold a snapshot of this name. */
export async function disksWith(
  client: QmpClient,
  disks: readonly OpenDisk[],
  tag: string,
): Promise<OpenDisk[]> {
  const graph = await queryBlockGraph(client);
  return disks.filter(({ image }) => nodesOf(graph, image.path).some((node) => holds(node, tag)));
}

/** Bytes of memory that a snapshot holds, in whatever image. */
export async function vmStateBytes(client: QmpClient, tag: string): Promise<number> {
  const { nodes } = await queryBlockGraph(client);
  const sizes = nodes.flatMap(({ snapshots = [] }) =>
    snapshots.filter((snapshot) => snapshot.tag === tag).map((snapshot) => snapshot.vmStateBytes),
  );
  return Math.max(0, ...sizes);
}

/** Deletes a snapshot from those images that hold it. Attaches to nothing: repeatable. */
export async function removeInternal(
  client: QmpClient,
  disks: readonly OpenDisk[],
  tag: string,
): Promise<void> {
  await cancelJob(client, SAVE_JOB);
  await cancelJob(client, DELETE_JOB);
  const holding = await disksWith(client, disks, tag);
  if (holding.length === 0) return;
  const graph = await queryBlockGraph(client);
  const devices = holding.map(({ image }) => formatNodeOf(graph, image.path).name);
  await runJob(client, {
    id: DELETE_JOB,
    command: "snapshot-delete",
    arguments: { tag, devices },
  });
}

function holds({ snapshots = [] }: BlockNode, tag: string): boolean {
  return snapshots.some((snapshot) => snapshot.tag === tag);
}
