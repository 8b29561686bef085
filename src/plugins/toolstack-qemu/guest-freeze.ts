import type { OperationContext } from "../../core/ports/index.js";
import { FileSystemFreeze, type FreezePlace } from "../../clients/guest-agent/index.js";
import type { Guest } from "./guest.js";

/** Carries out `domain.quiesce` and `domain.thaw` through the agent in a guest. */
export class GuestFreeze {
  readonly #freeze = new FileSystemFreeze();
  /** By uuid: when this process had them frozen, by the clock of `performance`. */
  readonly #frozenAtMs = new Map<string, number>();

  async quiesce(guest: Guest, { domain, signal }: OperationContext): Promise<void> {
    await watchFrozen(guest);
    this.#frozenAtMs.set(domain.uuid, await this.#freeze.freeze(placeOf(guest), signal));
  }

  async thaw(guest: Guest, { domain, report }: OperationContext): Promise<void> {
    if (guest.alive) await this.#freeze.thaw(placeOf(guest));
    else await this.#freeze.forget(placeOf(guest));
    const thawedAtMs = performance.now();
    await guest.watch.end("thaw");
    const frozenAtMs = this.#frozenAtMs.get(domain.uuid);
    this.#frozenAtMs.delete(domain.uuid);
    if (frozenAtMs !== undefined) report?.({ frozenMs: thawedAtMs - frozenAtMs });
  }

  /** Whether the guest may be frozen by us. */
  isFrozen(guest: Guest): boolean {
    return guest.alive && this.#freeze.mayBeFrozen(placeOf(guest));
  }
}

async function watchFrozen({ watch, qemu, run }: Guest): Promise<void> {
  if (qemu) await watch.begin({ thaw: { qemu, agent: run.agent } });
}

function placeOf({ run }: Guest): FreezePlace {
  return { socket: run.agent, marker: run.frozen };
}
