import type { Domain, DomainState } from "../../core/model/index.js";

/** libvirt's numbers of why a domain is in its state, as far as domsnap brings it there. */
export const STATE_REASON = {
  unknown: 0,
  running: { booted: 1, fromSnapshot: 4, unpaused: 5 },
  paused: { user: 1, fromSnapshot: 7 },
  shutoff: { shutdown: 1, destroyed: 2, fromSnapshot: 7 },
} as const;

/** Remembers why domains are in their states, for as long as they stay there. */
export class StateReasons {
  readonly #known = new Map<
    string,
    { readonly state: DomainState; readonly id?: number; readonly reason: number }
  >();

  /** Notes why a domain is in the state that it has now. */
  note({ uuid, state, id }: Domain, reason: number): void {
    this.#known.set(uuid, { state, reason, ...(id !== undefined && { id }) });
  }

  /** Unknown for a domain that something else has brought into its state. */
  of({ uuid, state, id }: Domain): number {
    const known = this.#known.get(uuid);
    if (known?.state === state && known.id === id) return known.reason;
    this.#known.delete(uuid);
    return STATE_REASON.unknown;
  }
}
