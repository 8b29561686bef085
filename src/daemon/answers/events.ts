import { DomsnapError } from "../../core/errors/index.js";
import type { DomainEvent } from "../state/event-hub.js";
import type { Answers } from "./answer.js";
import { domainOf } from "./domain-of.js";

/** The kinds of events that are sent, by libvirt's virDomainEventID. */
const SENT: ReadonlyMap<number, DomainEvent["type"]> = new Map([
  [0, "lifecycle"],
  [21, "jobCompleted"],
]);
/** The last kind of libvirt 11; the others are taken, and never happen. */
const LAST_EVENT_ID = 27;

/** Who wants to hear of what. */
export const eventAnswers: Answers = {
  connectDomainEventRegisterAny: async ({ eventId, domain }, caller) => {
    if (eventId < 0 || eventId > LAST_EVENT_ID)
      throw new DomsnapError("internal-error", `unsupported event ID ${eventId}`);
    const uuid = domain && (await domainOf(caller, domain)).uuid;
    return { value: caller.register(SENT.get(eventId), uuid) };
  },
  connectDomainEventDeregisterAny: ({ value }, caller) => {
    if (!caller.deregister(value))
      throw new DomsnapError("internal-error", `domain event callback ${value} not registered`);
    return undefined;
  },
};
