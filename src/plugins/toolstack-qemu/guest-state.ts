import { looseObject, string } from "valibot";

import type { DomainState } from "../../core/model/index.js";
import { parseBlockDevices, readReply, type QmpClient } from "../../clients/qmp/index.js";
import { targetOfDeviceId } from "./disk-arguments.js";

/** What QEMU says of its guest. */
export interface GuestState {
  readonly state: DomainState;
  /** Whether it waits for its memory, or is just taking it in. */
  readonly awaitsMemory: boolean;
  /** The image that a disk is on now, by the disk's target; empty drives are left out. */
  readonly images: ReadonlyMap<string, { readonly path: string; readonly driver: string }>;
}

const Status = looseObject({ status: string() });

/** Asks QEMU. Throws as `QmpClient.execute`. */
export async function queryGuest(client: QmpClient): Promise<GuestState> {
  const [status, devices] = await Promise.all([
    client.execute("query-status"),
    client.execute("query-block"),
  ]);
  const runState = readReply("query-status", Status, status).status;
  const images = parseBlockDevices(devices).flatMap(({ qdev, top }) => {
    const target = qdev === undefined ? undefined : targetOf(qdev);
    const { path, driver } = top ?? {};
    if (target === undefined || path === undefined || driver === undefined) return [];
    return [[target, { path, driver }] as const];
  });
  return {
    state: domainStateOf(runState),
    awaitsMemory: runState === "inmigrate",
    images: new Map(images),
  };
}

/** QEMU tells some devices by their id, others by their place: `/machine/peripheral/ID/backend`. */
function targetOf(qdev: string): string | undefined {
  return targetOfDeviceId(/^\/machine\/peripheral\/([^/]+)/.exec(qdev)?.[1] ?? qdev);
}

/** libvirt's state for a RunState of QEMU. All others are ways to be paused. */
function domainStateOf(runState: string): DomainState {
  switch (runState) {
    case "running":
      return "running";
    case "suspended":
      return "pmsuspended";
    case "shutdown":
      return "shutdown";
    case "guest-panicked":
      return "crashed";
    default:
      return "paused";
  }
}
