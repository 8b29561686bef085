import type { WireDomain, WireTypedParam } from "../../rpc/index.js";

/** libvirt's numbers of what can happen to a domain, with the details that are used here. */
export const LIFECYCLE = {
  defined: { event: 0, added: 0, updated: 1 },
  undefined: { event: 1, removed: 0 },
  started: { event: 2, booted: 0, fromSnapshot: 3 },
  suspended: { event: 3, paused: 0, fromSnapshot: 5 },
  resumed: { event: 4, unpaused: 0, fromSnapshot: 2 },
  stopped: { event: 5, shutdown: 0, destroyed: 1, fromSnapshot: 6 },
} as const;

/** One change of a domain's life. */
export interface LifecycleEvent {
  readonly type: "lifecycle";
  readonly domain: WireDomain;
  readonly event: number;
  readonly detail: number;
}

/** A job that has ended, and what is told of it. */
export interface JobCompletedEvent {
  readonly type: "jobCompleted";
  readonly domain: WireDomain;
  readonly params: readonly WireTypedParam[];
}

export type DomainEvent = LifecycleEvent | JobCompletedEvent;

/** Passes on what happens on a connection to those who listen. */
export class EventHub {
  readonly #listeners = new Set<(event: DomainEvent) => void>();

  /** Gives the function that ends it. Listeners must not throw. */
  listen(listener: (event: DomainEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  emit(event: DomainEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}
