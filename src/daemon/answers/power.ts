import type { Domain } from "../../core/model/index.js";
import type { PowerAction } from "../../core/operations/domain/power-action.js";
import { LIFECYCLE } from "../state/event-hub.js";
import { STATE_REASON } from "../state/state-reasons.js";
import type { WireDomain } from "../../rpc/index.js";
import type { Answers, Caller } from "./answer.js";
import { domainOf, wireDomain } from "./domain-of.js";
import { assertFlags } from "./flags.js";

const START_PAUSED = 1;
const DESTROY_GRACEFUL = 1;

/** Switching on and off, as far as the toolstack can. */
export const powerAnswers: Answers = {
  domainCreate: async ({ value }, caller) => {
    await start(caller, value, false);
    return undefined;
  },
  domainCreateWithFlags: async ({ domain, flags }, caller) => {
    assertFlags(caller, "DomainCreateWithFlags", flags, START_PAUSED);
    const started = await start(caller, domain, (flags & START_PAUSED) !== 0);
    return { value: wireDomain(started) };
  },
  domainDestroy: ({ value }, caller) => destroy(caller, value),
  domainDestroyFlags: ({ domain, flags }, caller) => {
    assertFlags(caller, "DomainDestroyFlags", flags, DESTROY_GRACEFUL);
    return destroy(caller, domain, (flags & DESTROY_GRACEFUL) !== 0);
  },
  domainShutdown: ({ value }, caller) => shutdown(caller, value),
  domainShutdownFlags: ({ domain, flags }, caller) => {
    assertFlags(caller, "DomainShutdownFlags", flags);
    return shutdown(caller, domain);
  },
  domainSuspend: async ({ value }, caller) => {
    const { after } = await switchPower(caller, value, { verb: "suspend" });
    const { event, paused } = LIFECYCLE.suspended;
    tell(caller, after, event, paused, STATE_REASON.paused.user);
    return undefined;
  },
  domainResume: async ({ value }, caller) => {
    const { after } = await switchPower(caller, value, { verb: "resume" });
    const { event, unpaused } = LIFECYCLE.resumed;
    tell(caller, after, event, unpaused, STATE_REASON.running.unpaused);
    return undefined;
  },
};

async function start(caller: Caller, domain: WireDomain, paused: boolean): Promise<Domain> {
  const { after } = await switchPower(caller, domain, { verb: "start", paused });
  const { event, booted } = LIFECYCLE.started;
  const reason = paused ? STATE_REASON.paused.user : STATE_REASON.running.booted;
  tell(caller, after, event, booted, reason);
  if (paused) {
    const { suspended } = LIFECYCLE;
    tell(caller, after, suspended.event, suspended.paused, reason);
  }
  return after;
}

async function destroy(caller: Caller, domain: WireDomain, graceful = false): Promise<undefined> {
  const { before, after } = await switchPower(caller, domain, { verb: "destroy", graceful });
  const { event, destroyed } = LIFECYCLE.stopped;
  tell(caller, after, event, destroyed, STATE_REASON.shutoff.destroyed, before);
  return undefined;
}

/** The guest takes its time: only one that is off already is told of. */
async function shutdown(caller: Caller, domain: WireDomain): Promise<undefined> {
  const { before, after } = await switchPower(caller, domain, { verb: "shutdown" });
  const { event, shutdown: detail } = LIFECYCLE.stopped;
  if (after.state === "shutoff")
    tell(caller, after, event, detail, STATE_REASON.shutoff.shutdown, before);
  return undefined;
}

async function switchPower(caller: Caller, domain: WireDomain, action: PowerAction) {
  const before = await domainOf(caller, domain);
  const after = await caller.hypervisor.service.switchPower(before.uuid, action);
  return { before, after };
}

/** `as` is the domain as clients know it, where that is not how it is now. */
function tell(
  { hypervisor: { events, reasons } }: Caller,
  domain: Domain,
  event: number,
  detail: number,
  reason: number,
  as = domain,
): void {
  reasons.note(domain, reason);
  events.emit({ type: "lifecycle", domain: wireDomain(as), event, detail });
}
