import { DomsnapError } from "../../core/errors/index.js";
import type {
  Identified,
  Journal,
  JournalBeginning,
  JournalEntry,
} from "../../core/ports/index.js";

interface OpenEntry extends JournalEntry {
  readonly started: Set<number>;
  readonly finished: Set<number>;
  readonly made: Identified[];
}

/** A journal for domains that do not outlive the process either. */
export class MemoryJournal implements Journal {
  readonly #entries = new Map<string, OpenEntry>();

  read(domainUuid: string): Promise<JournalEntry | undefined> {
    const entry = this.#entries.get(domainUuid);
    if (!entry) return Promise.resolve(undefined);
    const { started, finished, made } = entry;
    return Promise.resolve({
      ...entry,
      started: new Set(started),
      finished: new Set(finished),
      made: [...made],
    });
  }

  list(): Promise<readonly string[]> {
    return Promise.resolve([...this.#entries.keys()]);
  }

  /** Throws `internal-error` when a plan is there already: it would be lost. */
  // eslint-disable-next-line @typescript-eslint/require-await -- throws as a rejection
  async begin(beginning: JournalBeginning): Promise<void> {
    const { plan } = beginning;
    if (this.#entries.has(plan.domain.uuid))
      throw new DomsnapError("internal-error", `the journal of '${plan.domain.name}' is in use`);
    const owner = { pid: process.pid, host: "localhost", sinceMs: Date.now() };
    const nothing = { started: new Set<number>(), finished: new Set<number>(), made: [] };
    this.#entries.set(plan.domain.uuid, { ...beginning, owner, ...nothing });
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- throws as a rejection
  async started(domainUuid: string, index: number): Promise<void> {
    this.#entry(domainUuid).started.add(index);
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- throws as a rejection
  async finished(domainUuid: string, index: number): Promise<void> {
    this.#entry(domainUuid).finished.add(index);
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- throws as a rejection
  async made(domainUuid: string, place: string, identity: string): Promise<void> {
    this.#entry(domainUuid).made.push({ place, identity });
  }

  end(domainUuid: string): Promise<void> {
    this.#entries.delete(domainUuid);
    return Promise.resolve();
  }

  abandon(domainUuid: string): Promise<string | undefined> {
    const isKept = this.#entries.delete(domainUuid);
    return Promise.resolve(isKept ? "nowhere: it was in memory" : undefined);
  }

  #entry(domainUuid: string): OpenEntry {
    const entry = this.#entries.get(domainUuid);
    if (!entry)
      throw new DomsnapError("internal-error", `the journal has no plan of ${domainUuid}`);
    return entry;
  }
}
