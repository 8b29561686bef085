import type { Evidence, Identified, Identity, Journal, JournalEntry } from "../ports/index.js";

type Known = Pick<JournalEntry, "token" | "found" | "made">;

/** The evidence of a plan under way, kept in the journal as it grows. */
export class PlanEvidence implements Evidence {
  readonly token: string;
  readonly #found: ReadonlyMap<string, Identity>;
  readonly #made = new Map<string, Identity[]>();

  constructor(
    { token, found, made }: Known,
    private readonly domainUuid: string,
    private readonly journal: Journal,
  ) {
    this.token = token;
    this.#found = new Map(found.map(({ place, identity }) => [place, identity]));
    for (const one of made) this.#add(one);
  }

  found(place: string): Identity | undefined {
    return this.#found.get(place);
  }

  made(place: string): readonly Identity[] {
    return this.#made.get(place) ?? [];
  }

  async record(place: string, identity: Identity): Promise<void> {
    if (this.made(place).includes(identity)) return;
    await this.journal.made(this.domainUuid, place, identity);
    this.#add({ place, identity });
  }

  /** Whether the plan found or made this very thing, under whatever name. */
  knows(identity: Identity): boolean {
    return (
      [...this.#found.values()].includes(identity) ||
      [...this.#made.values()].some((identities) => identities.includes(identity))
    );
  }

  #add({ place, identity }: Identified): void {
    this.#made.set(place, [...this.made(place), identity]);
  }
}
