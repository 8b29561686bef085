import type { Operation } from "../core/model/index.js";
import { placesOf } from "../core/plan/plan-places.js";
import type { Evidence, HostFiles, Identity } from "../core/ports/index.js";
import { identifyPlace } from "../host/file-identity.js";

/**
 * The evidence of a plan that consists of all operations that a test carries out, without a journal.
 * Two handlers that share it are like two processes of which the second has read the journal.
 */
export class TestEvidence implements Evidence {
  readonly token = "0123456789ab";
  readonly #found = new Map<string, Identity>();
  readonly #made = new Map<string, Identity[]>();
  readonly #seen = new Set<string>();

  /** `identify`: who tells what stands at a name; by default the files of this host. */
  constructor(private readonly identify: HostFiles["identify"] = identifyPlace) {}

  /** Looks at the places of an operation that is about to run for the first time. */
  async survey(operation: Operation): Promise<void> {
    const key = JSON.stringify(operation, (_name, value: unknown) =>
      typeof value === "bigint" ? String(value) : value,
    );
    if (this.#seen.has(key)) return;
    this.#seen.add(key);
    for (const path of placesOf(operation))
      for (const { place, identity } of await this.identify(path)) this.#found.set(place, identity);
  }

  found(place: string): Identity | undefined {
    return this.#found.get(place);
  }

  made(place: string): readonly Identity[] {
    return this.#made.get(place) ?? [];
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- a journal would write to a disk
  async record(place: string, identity: Identity): Promise<void> {
    if (!this.made(place).includes(identity))
      this.#made.set(place, [...this.made(place), identity]);
  }
}
