import { isActive, type Domain } from "../../core/model/index.js";
import { wireDomain } from "./domain-of.js";
import type { Hypervisor } from "../hypervisor.js";
import { LIFECYCLE } from "../state/event-hub.js";
import { STATE_REASON } from "../state/state-reasons.js";

/** What a revert did to a domain, in the order of libvirt's drivers. */
export function tellOfRevert(
  { events, reasons }: Pick<Hypervisor, "events" | "reasons">,
  before: Domain,
  after: Domain,
): void {
  const emit = (
    domain: Domain,
    { event, fromSnapshot }: { event: number; fromSnapshot: number },
  ) => {
    events.emit({ type: "lifecycle", domain: wireDomain(domain), event, detail: fromSnapshot });
  };
  if (isActive(before)) emit(before, LIFECYCLE.stopped);
  if (isActive(after)) emit(after, LIFECYCLE.started);
  if (after.state === "paused") emit(after, LIFECYCLE.suspended);
  const reason = STATE_REASON[after.state as keyof typeof STATE_REASON];
  if (typeof reason === "object") reasons.note(after, reason.fromSnapshot);
}

/** A snapshot that leaves its domain stopped (`halt`). */
export function tellOfHalt(
  { events, reasons }: Pick<Hypervisor, "events" | "reasons">,
  before: Domain,
  after: Domain,
): void {
  if (!isActive(before) || isActive(after)) return;
  const { event, fromSnapshot } = LIFECYCLE.stopped;
  events.emit({ type: "lifecycle", domain: wireDomain(before), event, detail: fromSnapshot });
  reasons.note(after, STATE_REASON.shutoff.fromSnapshot);
}
