import { DomsnapError } from "../errors/index.js";
import {
  RANK,
  type DiskSnapshot,
  type DomainDisk,
  type Offer,
  type SnapshotForm,
} from "../model/index.js";
import type { BackendProfile, DiskBackend } from "../ports/index.js";

/** `dd`, `lvm-thin`: what can stand in an option and in a record's header as it is. */
const BACKEND_ID = /^[a-z0-9]+(?:-[a-z0-9]+)*$/;

/** What one of several backends offers. */
export interface RankedOffer<Backend> extends Offer {
  readonly backend: Backend;
}

/** What is wished of a disk; one whose mode is not decided, or that is left out, has no backend. */
export type BackendWish = Pick<DiskSnapshot, "mode" | "format">;

/**
 * The backends of a connection, and who of them keeps what. Pure: asks for offers only. In which
 * order they were registered never matters.
 */
export class BackendRegistry<Backend extends BackendProfile = DiskBackend> {
  readonly #byId: ReadonlyMap<string, Backend>;

  /**
   * `preferred` is taken for new snapshots wherever it can keep the disk. Throws `plugin-conflict`
   * for two backends of one id and for an id that is none, `invalid-argument` when `preferred` is
   * not among them.
   */
  constructor(
    backends: readonly Backend[],
    private readonly preferred?: string,
  ) {
    const byId = new Map<string, Backend>();
    for (const backend of backends) {
      assertId(backend);
      const namesake = byId.get(backend.id);
      if (namesake) throw sameId(namesake, backend);
      byId.set(backend.id, backend);
    }
    this.#byId = new Map([...byId].sort(([a], [b]) => (a < b ? -1 : 1)));
    if (preferred !== undefined && !this.#byId.has(preferred))
      throw new DomsnapError("invalid-argument", `there is no disk backend '${preferred}'`, {
        hint: `Correct the default of the connection, which names it. There are: ${this.describe()}.`,
      });
  }

  /** All of them, by their ids. */
  get all(): readonly Backend[] {
    return [...this.#byId.values()];
  }

  find(id: string): Backend | undefined {
    return this.#byId.get(id);
  }

  /** Throws `tool-missing`. */
  byId(id: string): Backend {
    const backend = this.#byId.get(id);
    if (backend) return backend;
    throw new DomsnapError("tool-missing", `no disk backend named '${id}' is installed`, {
      hint: `Install the plugin that made this snapshot. There are: ${this.describe()}.`,
    });
  }

  /** All offers, the best first; those of rank `RANK.refuses` last. Throws `plugin-conflict`. */
  offers(disk: DomainDisk, { mode, format }: BackendWish): RankedOffer<Backend>[] {
    if (mode !== "internal" && mode !== "external") return [];
    const form: SnapshotForm = { mode, ...(format && { format }) };
    return this.all
      .flatMap((backend) => {
        const offer = backend.offer(disk, form);
        if (!offer) return [];
        assertRank(backend, offer);
        return [{ ...offer, backend }];
      })
      .sort((a, b) => b.rank - a.rank);
  }

  /** Those of the offers whose backends can keep the disk. */
  capable(disk: DomainDisk, wish: BackendWish): RankedOffer<Backend>[] {
    return this.offers(disk, wish).filter(({ rank }) => rank > RANK.refuses);
  }

  /** Those who can keep a new snapshot, who is taken first: the default, then by their ranks. */
  candidates(disk: DomainDisk, wish: BackendWish): RankedOffer<Backend>[] {
    const isPreferred = ({ backend }: RankedOffer<Backend>) => backend.id === this.preferred;
    const capable = this.capable(disk, wish);
    return [...capable.filter(isPreferred), ...capable.filter((offer) => !isPreferred(offer))];
  }

  /** Whose offer is the best; if nobody can keep the disk, who knows why. */
  best(disk: DomainDisk, wish: BackendWish): Backend | undefined {
    return this.offers(disk, wish)[0]?.backend;
  }

  /** Who keeps a new snapshot of which nobody says by whom: the default if it can, else the best. */
  choose(disk: DomainDisk, wish: BackendWish): Backend | undefined {
    return this.candidates(disk, wish)[0]?.backend ?? this.best(disk, wish);
  }

  /**
   * Who keeps a disk of a snapshot: the backend that its record names, whatever others offer now.
   * Where the record names none (it is older, or others have made it) the best offer decides, for
   * which the snapshot's own view of the disk is needed. Throws `tool-missing` when the recorded
   * one is not installed.
   */
  keeperOf(disk: DomainDisk | undefined, kept: DiskSnapshot): Backend | undefined {
    if (kept.backend !== undefined) return this.byId(kept.backend);
    return disk && this.best(disk, kept);
  }

  /** Ids and what they do, for messages. */
  describe(): string {
    return this.all.map(({ id, summary }) => `${id} (${summary})`).join(", ");
  }
}

function assertId(backend: BackendProfile): void {
  if (BACKEND_ID.test(backend.id)) return;
  throw new DomsnapError(
    "plugin-conflict",
    `a disk backend (${nameOf(backend)}) has the id '${backend.id}', which is none`,
    { hint: "Use lower case letters, digits, and single dashes between them." },
  );
}

function assertRank(backend: BackendProfile, { rank }: Offer): void {
  if (Number.isFinite(rank) && rank >= RANK.refuses) return;
  throw new DomsnapError(
    "plugin-conflict",
    `disk backend '${backend.id}' gives the rank ${rank}, which is below all that there are`,
  );
}

function sameId(one: BackendProfile, other: BackendProfile): DomsnapError {
  return new DomsnapError(
    "plugin-conflict",
    `two disk backends have the id '${one.id}': ${nameOf(one)}, and ${nameOf(other)}`,
    { hint: "Leave out the plugin with one of the two: records name backends by their ids." },
  );
}

/** Two of one id are told apart by their classes. */
function nameOf(backend: BackendProfile): string {
  return `${backend.constructor.name}, ${backend.summary}`;
}
