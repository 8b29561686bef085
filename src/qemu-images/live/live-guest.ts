import { realpathSync } from "node:fs";
import { resolve } from "node:path";

import { looseObject, string } from "valibot";

import { DomsnapError } from "../../core/errors/index.js";
import type { ImageRef } from "../../core/model/index.js";
import type { ChangeOver } from "../../clients/guardian/index.js";
import {
  readReply,
  type BlockGraph,
  type BlockNode,
  type QmpClient,
} from "../../clients/qmp/index.js";

export type { ChangeOver };

/** A guest and the QEMU that runs it, or did. */
export interface LiveGuest {
  /** Whether its QEMU lives. */
  readonly alive: boolean;
  /** A folder that nobody else may look into, for sockets. */
  readonly folder: string;
  /** Works at QEMU's monitor. Throws `operation-invalid` when the guest is off. */
  withMonitor<Result>(work: (client: QmpClient) => Promise<Result>): Promise<Result>;
  /** Who runs the guest's processors where QEMU does not. Both calls are idempotent. */
  readonly processors?: {
    readonly stop: () => Promise<void>;
    readonly resume: () => Promise<void>;
  };
  /** Sees to it that the guest goes on when we die; missing where nobody does. */
  readonly guard?: PauseGuard;
  /**
   * Keeps up what the host has stored about the guest beside its definition, for its next reboot:
   * disks that are on `from` there are on `to` afterwards. Called while the guest is paused;
   * idempotent.
   */
  readonly follow?: (moves: readonly ImageMove[]) => Promise<void>;
}

/** The time during which a guest is paused by us. */
export interface PauseGuard {
  /**
   * To be called while the guest runs: from when this returns it goes on within two seconds of our
   * death. `saving`: its memory is saved meanwhile. Repeatable.
   */
  begin(how?: { readonly saving: boolean }): Promise<void>;
  /**
   * The paused guest changes over from an overlay to the image below, and should we die it may go on
   * only when that is finished. Where that is more than can be done then (undefined), or more than
   * whoever watches can do, it waits for a recovery. `begin` ends this, too.
   */
  changeOver(merge: ChangeOver | undefined): Promise<void>;
  /** The guest runs. Repeatable. */
  end(): Promise<void>;
}

/** A disk that goes on in another image. */
export interface ImageMove {
  readonly target: string;
  readonly from: ImageRef;
  readonly to: ImageRef;
}

const Status = looseObject({ status: string() });

export async function isRunning(client: QmpClient): Promise<boolean> {
  return (
    readReply("query-status", Status, await client.execute("query-status")).status === "running"
  );
}

/** Stops the guest's processors. */
export async function pauseGuest({ processors }: LiveGuest, client: QmpClient): Promise<void> {
  if (processors) await processors.stop();
  else await client.execute("stop");
}

/** Lets the guest run, if it is to and does not. */
export async function goOn(
  { processors, guard }: LiveGuest,
  client: QmpClient,
  resume: boolean,
): Promise<void> {
  if (!resume) return;
  if (processors) await processors.resume();
  else if (!(await isRunning(client))) await client.execute("cont");
  await guard?.end();
}

/** The same for two paths of one file. */
export function imageIdentity(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return resolve(path);
  }
}

/** All layers that a QEMU has of an image: its format first, the file itself last. */
export function nodesOf(graph: Pick<BlockGraph, "nodes">, path: string): BlockNode[] {
  const identity = imageIdentity(path);
  const isFile = ({ driver }: BlockNode) => driver === "file" || driver === "host_device";
  const found = graph.nodes.filter(
    (node) => node.path !== undefined && imageIdentity(node.path) === identity,
  );
  return [...found.filter((node) => !isFile(node)), ...found.filter(isFile)];
}

/** The layer of an image's format. Throws `operation-failed` when QEMU does not have it open. */
export function formatNodeOf(graph: Pick<BlockGraph, "nodes">, path: string): BlockNode {
  const [node] = nodesOf(graph, path);
  if (node) return node;
  throw new DomsnapError("operation-failed", `QEMU does not have image '${path}' open`);
}
