import {
  encode,
  EVENTS,
  FRAME_STATUS,
  FRAME_TYPE,
  PROGRAM,
  PROGRAM_VERSION,
  type Frame,
} from "../../rpc/index.js";
import type { DomainEvent } from "../state/event-hub.js";

interface Registration {
  /** Missing: a kind of event that never happens here. */
  readonly type?: DomainEvent["type"];
  readonly domainUuid?: string;
}

/** libvirtd has room for no more by its own limits. */
const MAX_REGISTRATIONS = 1000;

/** What one client wants to hear of. */
export class Registrations {
  readonly #byId = new Map<number, Registration>();
  #nextId = 0;

  /** Undefined when the client has too many already. */
  add(type: DomainEvent["type"] | undefined, domainUuid: string | undefined): number | undefined {
    if (this.#byId.size >= MAX_REGISTRATIONS) return undefined;
    const id = this.#nextId++;
    this.#byId.set(id, {
      ...(type !== undefined && { type }),
      ...(domainUuid !== undefined && { domainUuid }),
    });
    return id;
  }

  remove(id: number): boolean {
    return this.#byId.delete(id);
  }

  clear(): void {
    this.#byId.clear();
  }

  /** One message for each registration that an event is for. */
  messagesFor(event: DomainEvent): Frame[] {
    return [...this.#byId]
      .filter(([, { type, domainUuid }]) => type === event.type && isFor(event, domainUuid))
      .map(([callbackId]) => message(event, callbackId));
  }
}

function isFor({ domain }: DomainEvent, domainUuid: string | undefined): boolean {
  return domainUuid === undefined || domainUuid === domain.uuid;
}

function message(event: DomainEvent, callbackId: number): Frame {
  const { number: procedure } = EVENTS[event.type];
  const payload =
    event.type === "lifecycle"
      ? encode(EVENTS.lifecycle.body, { ...event, callbackId })
      : encode(EVENTS.jobCompleted.body, { ...event, callbackId });
  return {
    program: PROGRAM.remote,
    version: PROGRAM_VERSION,
    procedure,
    type: FRAME_TYPE.message,
    serial: 0,
    status: FRAME_STATUS.ok,
    payload,
  };
}
