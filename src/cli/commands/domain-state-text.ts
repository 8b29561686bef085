import type { DomainState } from "../../core/model/index.js";

/** virsh's words for domain states. */
export const DOMAIN_STATE_TEXT: Readonly<Record<DomainState, string>> = {
  nostate: "no state",
  running: "running",
  blocked: "idle",
  paused: "paused",
  shutdown: "in shutdown",
  shutoff: "shut off",
  crashed: "crashed",
  pmsuspended: "pmsuspended",
};
