import { randomBytes } from "node:crypto";

import type { Evidence, Identity } from "../core/ports/index.js";

/** A token for `Evidence`: short, since it becomes part of names that have a limit. */
export function newToken(): string {
  return randomBytes(6).toString("hex");
}

/**
 * Evidence of work that no journal keeps, such as an export: it lasts as long as the process does,
 * which takes back itself what it could not finish.
 */
export class OwnEvidence implements Evidence {
  readonly #made = new Map<string, Identity[]>();

  constructor(readonly token = newToken()) {}

  found(): undefined {
    return undefined;
  }

  made(place: string): readonly Identity[] {
    return this.#made.get(place) ?? [];
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- others write to a disk here
  async record(place: string, identity: Identity): Promise<void> {
    const known = this.#made.get(place) ?? [];
    if (!known.includes(identity)) this.#made.set(place, [...known, identity]);
  }
}
