import type { Writable } from "node:stream";

import { Guardian } from "./guardian.js";
import type { LastWill } from "./last-will.js";

/**
 * Watches over one guest while it is paused or frozen by us. A guardian lives as long as
 * there is anything to be done should we die.
 */
export class GuestWatch {
  #guardian: Guardian | undefined;
  #will: LastWill = {};

  /** Has a guardian ready, who has nothing to do yet. Repeatable. Throws `system-error`. */
  async prepare(): Promise<void> {
    if (this.#guardian?.isWatching !== true) this.#guardian = await Guardian.start();
  }

  /** Adds to the last will, or changes parts of it. Holds when this returns. Throws `system-error`. */
  async begin(part: LastWill): Promise<void> {
    this.#will = { ...this.#will, ...part };
    await this.prepare();
    await this.#guardian?.bequeath(this.#will);
  }

  /** Nothing is to be done with this part for now: the guardian stays. */
  async suspend(part: keyof LastWill): Promise<void> {
    const { [part]: _kept, ...rest } = this.#will;
    this.#will = rest;
    await this.#guardian?.bequeath(rest);
  }

  /** Takes a part out of the last will: it has been done. Repeatable. */
  async end(part: keyof LastWill): Promise<void> {
    await this.suspend(part);
    if (Object.keys(this.#will).length === 0) await this.#dismiss();
  }

  /** See `Guardian.pipe`; undefined while nobody has to watch. */
  get pipe(): Writable | undefined {
    return this.#guardian?.pipe;
  }

  async #dismiss(): Promise<void> {
    const guardian = this.#guardian;
    this.#guardian = undefined;
    await guardian?.dismiss();
  }
}

/** The watches of one process, by the uuids of the guests. */
export class GuestWatches {
  readonly #watches = new Map<string, GuestWatch>();

  of(uuid: string): GuestWatch {
    const watch = this.#watches.get(uuid) ?? new GuestWatch();
    this.#watches.set(uuid, watch);
    return watch;
  }
}
