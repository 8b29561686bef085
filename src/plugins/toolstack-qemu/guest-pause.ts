import type { OperationContext } from "../../core/ports/index.js";
import type { Guest } from "./guest.js";

/** Pauses guests, and measures by QEMU's clock how long they were paused. */
export class GuestPause {
  /** By uuid: since when guests are paused that this process has paused. */
  readonly #pausedAtUs = new Map<string, number>();

  async begin(guest: Guest, { domain }: OperationContext): Promise<void> {
    await guest.guard.begin();
    const pausedAtUs = await guest.pause();
    // Somebody else was faster: it is for them to let it go on.
    if (pausedAtUs === undefined) await guest.guard.end();
    else this.#pausedAtUs.set(domain.uuid, pausedAtUs);
  }

  /** Since when the guest is paused; whoever asks tells the measure in our place. */
  takeStart({ domain }: OperationContext): number | undefined {
    const pausedAtUs = this.#pausedAtUs.get(domain.uuid);
    this.#pausedAtUs.delete(domain.uuid);
    return pausedAtUs;
  }

  /** A guest that died meanwhile cannot go on, and must not keep the rest from being done. */
  async end(guest: Guest, context: OperationContext): Promise<void> {
    const pausedAtUs = this.takeStart(context);
    if (guest.pid === undefined) {
      await guest.guard.end();
      context.warn(`domain '${context.domain.name}' is off: it ended while it was paused`);
      return;
    }
    const resumedAtUs = await guest.resume();
    await guest.guard.end();
    if (pausedAtUs !== undefined && resumedAtUs !== undefined)
      context.report?.({ downtimeMs: (resumedAtUs - pausedAtUs) / 1000 });
  }
}
