import { DomsnapError } from "../errors/index.js";
import type { ImageRef } from "../model/index.js";
import { valueOf, type Answer, type Locator } from "./answer.js";
import { groupBy } from "./disk-images.js";
import { tellNeed, type Need } from "./needs.js";

/** Tells one thing from every other, whatever name leads to it; opaque. */
export type ThingId = string;

/** What is known of images and of those who need them. All locators are as somebody names them. */
export interface NeedsFacts {
  /** Everything that any definition or record of the connection needs. */
  readonly needs: readonly Need[];
  /** Which thing a name leads to, links followed; undefined where nothing is there. */
  readonly things: ReadonlyMap<Locator, Answer<ThingId | undefined>>;
  /** What an image stands on; undefined for what stands on nothing. */
  readonly below: ReadonlyMap<Locator, Answer<Locator | undefined>>;
  /** What else was found to stand on an image. */
  readonly strangers: ReadonlyMap<Locator, Answer<readonly Locator[]>>;
  /** Definitions and records that cannot be read: whatever is not known may be needed by them. */
  readonly unread: readonly Unread[];
}

/** A definition or record that cannot be read. */
export interface Unread {
  /** A path, or another name that the caller can give it up by. */
  readonly what: string;
  readonly reason: string;
}

/**
 * The one model of who needs an image. Names that lead to the same thing are the same image:
 * symbolic links, `..` and hard links make no difference. Nobody decides by comparing paths.
 *
 * Unknown is not absent: whoever asks what stands on an image gets an answer only when every image
 * that anybody names could be looked at, or was given up by the caller (`givenUp`).
 */
export class ImageNeeds {
  readonly #givenUp: ReadonlySet<Locator>;
  readonly #aliases: ReadonlyMap<ThingId, Locator[]>;
  readonly #above: ReadonlyMap<ThingId, readonly { readonly upper: Locator }[]>;
  readonly #needs: ReadonlyMap<ThingId, Need[]>;
  readonly #unseen: readonly Unknown[];
  readonly #unlinked: readonly Unknown[];

  constructor(
    readonly facts: NeedsFacts,
    givenUp: ReadonlySet<Locator> = new Set(),
  ) {
    this.#givenUp = givenUp;
    this.#aliases = groupBy(this.names, (name) => this.#idOf(name));
    this.#needs = groupBy(facts.needs, ({ image }) => this.#idOf(image.path));
    const standing = [...facts.below].flatMap(([upper, below]) =>
      below.known && below.value !== undefined ? [{ upper, base: below.value }] : [],
    );
    this.#above = groupBy(standing, ({ base }) => this.#idOf(base));
    this.#unseen = unknownIn(facts.things, givenUp);
    this.#unlinked = unknownIn(facts.below, givenUp);
  }

  /** The same, with what else was found to stand on further images. */
  withStrangers(strangers: NeedsFacts["strangers"], things: NeedsFacts["things"]): ImageNeeds {
    return new ImageNeeds(
      {
        ...this.facts,
        things: new Map([...this.facts.things, ...things]),
        strangers: new Map([...this.facts.strangers, ...strangers]),
      },
      this.#givenUp,
    );
  }

  /**
   * The same, when present states are left: where every need of an image ends with that, it makes no
   * difference what the image stands on, so that nobody has to look at it.
   */
  leaving(isLeft: (need: Need) => boolean): ImageNeeds {
    const left = this.names.filter((name) => {
      const needs = this.knownNeedsOf(name);
      const isPresent = needs.some(({ use }) => use === "present");
      return isPresent && needs.every(isLeft) && this.knownToStandOn(name).length === 0;
    });
    return new ImageNeeds(this.facts, new Set([...this.#givenUp, ...left]));
  }

  /** Every name that is known. */
  get names(): Locator[] {
    return [...this.facts.things.keys()];
  }

  /** Where there are no images, or none that anything could happen to. */
  static get none(): ImageNeeds {
    return new ImageNeeds({
      needs: [],
      things: new Map(),
      below: new Map(),
      strangers: new Map(),
      unread: [],
    });
  }

  /** Every name of what somebody needs, or what stands below that. */
  namesOfNeeded(): Locator[] {
    const below = [...this.facts.below.values()].flatMap((one) =>
      one.known && one.value !== undefined ? [one.value] : [],
    );
    return [...this.facts.needs.map(({ image }) => image.path), ...below].flatMap((path) =>
      this.namesOf(path),
    );
  }

  /** Whether two names lead to the same image. */
  isSame(one: Locator, other: Locator): boolean {
    return one === other || this.#idOf(one) === this.#idOf(other);
  }

  /** All names by which an image is known, the given one first. */
  namesOf(locator: Locator): Locator[] {
    return [...new Set([locator, ...(this.#aliases.get(this.#idOf(locator)) ?? [])])];
  }

  /** The image that a name leads to, among some that are known by other names. */
  findAmong(known: ReadonlyMap<Locator, ImageRef>, locator: Locator): ImageRef | undefined {
    for (const name of this.namesOf(locator)) {
      const image = known.get(name);
      if (image) return image;
    }
    return undefined;
  }

  /** Whether nothing has this name. */
  isAbsent(locator: Locator): boolean {
    const thing = this.facts.things.get(locator);
    return thing?.known === true && thing.value === undefined;
  }

  /** Who is known to need this very image: there may be others. Throws nothing. */
  knownNeedsOf(locator: Locator): readonly Need[] {
    return this.#needs.get(this.#idOf(locator)) ?? [];
  }

  /** Who needs this very image. Throws `image-unreachable` where a name might lead to it. */
  needsOf(locator: Locator): readonly Need[] {
    this.#assertAllRead(locator);
    const [unseen] = this.#unseen;
    if (unseen) throw this.#unreachable(unseen, locator);
    return this.knownNeedsOf(locator);
  }

  /**
   * The images that stand on one, each by one of its names, sorted. Throws `image-unreachable` with
   * an image that could not be looked at, and what has kept a backend from telling.
   */
  standingOn(locator: Locator): Locator[] {
    this.#assertAllRead(locator);
    const unlinked = this.#unlinked.find(({ name }) => !this.isSame(name, locator));
    if (unlinked) throw this.#unreachable(unlinked, locator);
    for (const name of this.namesOf(locator)) valueOf(this.#strangersOf(name), name);
    return this.knownToStandOn(locator);
  }

  /** An image with all that it stands on, from the top down. Throws what could not be found out. */
  chainOf(locator: Locator): Locator[] {
    const chain = new Set<Locator>();
    for (let at: Locator | undefined = locator; at !== undefined && !chain.has(at);) {
      chain.add(at);
      const below = this.facts.below.get(at);
      at = below && valueOf(below, at);
    }
    return [...chain];
  }

  /** The images that are known to stand on one: there may be others. Throws nothing. */
  knownToStandOn(locator: Locator): Locator[] {
    const id = this.#idOf(locator);
    const strangers = this.namesOf(locator).flatMap((name) => {
      const found = this.#strangersOf(name);
      return found.known ? found.value : [];
    });
    const found = [...(this.#above.get(id) ?? []).map(({ upper }) => upper), ...strangers];
    const byThing = new Map<ThingId, Locator>();
    for (const upper of found)
      if (!byThing.has(this.#idOf(upper)) && this.#idOf(upper) !== id)
        byThing.set(this.#idOf(upper), upper);
    return [...byThing.values()].sort();
  }

  /** Who needs an image or one that stands on it. Throws like `standingOn`. */
  needsThrough(locator: Locator): Need[] {
    const seen = new Set<ThingId>();
    const visit = (one: Locator): Need[] => {
      if (seen.has(this.#idOf(one))) return [];
      seen.add(this.#idOf(one));
      return [...this.needsOf(one), ...this.standingOn(one).flatMap(visit)];
    };
    return visit(locator);
  }

  /**
   * Whether nobody needs an image but those who are given up, and nothing stands on it. Throws like
   * `standingOn`.
   */
  isUnneeded(locator: Locator, isGivenUp: (need: Need) => boolean): boolean {
    return this.standingOn(locator).length === 0 && this.needsOf(locator).every(isGivenUp);
  }

  /** The same where it is proven; false where nobody knows. Throws nothing. */
  isFree(locator: Locator, isGivenUp: (need: Need) => boolean): boolean {
    try {
      return this.isUnneeded(locator, isGivenUp);
    } catch (thrown) {
      if (thrown instanceof DomsnapError && thrown.code !== "internal-error") return false;
      throw thrown;
    }
  }

  /** What is not there has no other name. */
  #idOf(locator: Locator): ThingId {
    const thing = this.facts.things.get(locator);
    return (thing?.known === true ? thing.value : undefined) ?? `name:${locator}`;
  }

  /** Of images that nobody has asked about there are no strangers to tell of. */
  #strangersOf(name: Locator): Answer<readonly Locator[]> {
    return this.facts.strangers.get(name) ?? { known: true, value: [] };
  }

  #assertAllRead(asked: Locator): void {
    const unread = this.facts.unread.find(({ what }) => !this.#givenUp.has(what));
    if (unread) throw unreachable(unread.what, asked, `it cannot be read: ${unread.reason}`);
  }

  #unreachable({ name, error: { code, detail } }: Unknown, asked: Locator): DomsnapError {
    const need = this.facts.needs.find(({ image }) => image.path === name);
    const why = need ? `${tellNeed(need)}, and ` : "";
    const gone = code === "image-missing" ? "it is not there" : detail;
    return unreachable(name, asked, why + gone);
  }
}

/** A name of which there was no answer. */
interface Unknown {
  readonly name: Locator;
  readonly error: DomsnapError;
}

function unknownIn(
  answers: ReadonlyMap<Locator, Answer<unknown>>,
  givenUp: ReadonlySet<Locator>,
): Unknown[] {
  return [...answers].flatMap(([name, answer]) =>
    answer.known || givenUp.has(name) ? [] : [{ name, error: answer.error }],
  );
}

function unreachable(what: string, asked: Locator, reason: string): DomsnapError {
  return new DomsnapError(
    "image-unreachable",
    `cannot tell whether '${what}' needs image '${asked}': ${reason}`,
    {
      hint: `Bring it back (is its file system mounted?). If it is lost for good, repeat with --assume-lost '${what}'.`,
    },
  );
}
