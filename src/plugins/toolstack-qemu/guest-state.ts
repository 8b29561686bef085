import { looseObject, string } from "valibot";

import type { DomainState } from "../../core/model/index.js";
import { parseBlockDevices, readReply, type QmpClient } from "../lib/qmp/index.js";
import { deviceIdOf } from "./disk-arguments.js";

/** What QEMU says of its guest. */
export interface GuestState {
  readonly state: DomainState;
  /** Whether it waits for its memory, or is just taking it in. */
  readonly awaitsMemory: boolean;
  /** The image that a disk is on now, by the disk's target; empty drives are left out. */
  readonly images: ReadonlyMap<string, { readonly path: string; readonly driver: string }>;
}

const Status = looseObject({ status: string() });

/** Asks QEMU. `targets` are those of the guest's disks. Throws as `QmpClient.execute`. */
export async function queryGuest(
  client: QmpClient,
  targets: readonly string[],
): Promise<GuestState> {
  const [status, devices] = await Promise.all([
    client.execute("query-status"),
    client.execute("query-block"),
  ]);
  const runState = readReply("query-status", Status, status).status;
  const tops = new Map(
    parseBlockDevices(devices).map(({ qdev = "", top }) => [deviceIdIn(qdev), top]),
  );
  const images = targets.flatMap((target) => {
    const { path, driver } = tops.get(deviceIdOf(target)) ?? {};
    return path === undefined || driver === undefined ? [] : [[target, { path, driver }] as const];
  });
  return {
    state: domainStateOf(runState),
    awaitsMemory: runState === "inmigrate",
    images: new Map(images),
  };
}

/** Some devices are known by their id, some by their place: `/machine/peripheral/ID/backend`. */
function deviceIdIn(qdev: string): string {
  return /^\/machine\/peripheral\/([^/]+)/.exec(qdev)?.[1] ?? qdev;
}

/** libvirt's state for a RunState of QEMU. All others are kinds of standing still. */
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
