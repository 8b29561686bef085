import type { Domain } from "../core/model/index.js";
import type { SnapshotService } from "../core/operations/snapshot-service.js";
import { clientUris, driverOf, type Driver } from "./driver.js";
import { noConnection } from "./failure.js";
import { EventHub } from "./state/event-hub.js";
import { JobBoard } from "./state/job-board.js";
import { StateReasons } from "./state/state-reasons.js";

/** What clients open: one connection of ours, with what all of its clients share. */
export interface Hypervisor {
  readonly uri: string;
  readonly driver: Driver;
  readonly service: SnapshotService;
  readonly jobs: JobBoard;
  readonly events: EventHub;
  readonly reasons: StateReasons;
}

/** Puts what clients share around a connection. */
export function createHypervisor(service: SnapshotService): Hypervisor {
  const { uri } = service;
  const events = new EventHub();
  const reasons = new StateReasons();
  return { uri, driver: driverOf(uri), service, events, reasons, jobs: new JobBoard(events) };
}

/** The one that a client asks for; the first for no name. Throws libvirt's error for a stranger. */
export function findHypervisor(
  hypervisors: readonly Hypervisor[],
  name: string | undefined,
): Hypervisor {
  const [first] = hypervisors;
  const found =
    name === undefined || name === ""
      ? first
      : hypervisors.find(({ uri }) => clientUris(uri).includes(withoutQuery(name)));
  if (found) return found;
  throw noConnection(name ?? "");
}

/** Only what says which domain is meant. */
export type DomainIdentity = Pick<Domain, "name" | "uuid" | "id">;

function withoutQuery(uri: string): string {
  return uri.replace(/\?.*$/, "");
}
