import { DomsnapError } from "../../errors/index.js";
import { newToken } from "../../model/temporary-name.js";
import type { Plan } from "../../model/operation.js";
import { imagesOfPlan } from "../../plan/plan-places.js";
import type {
  Connection,
  HostFiles,
  ImageClaim,
  ImageLocks,
  LockOptions,
} from "../../ports/index.js";

interface Command {
  readonly token: string;
  readonly since: bigint;
  /** Whether a plan of it was carried out, or might have been. */
  hasBegun: boolean;
  /** What told that a plan was decided on what is not so any more. */
  overtaken?: DomsnapError;
}

/** Keeps two commands from working on one image at once, by whatever names and for whatever domains. */
export class ClaimedImages {
  /** By the uuid of the domain, whose lock is held. */
  readonly #commands = new Map<string, Command>();

  constructor(
    private readonly locks: ImageLocks,
    private readonly files: HostFiles,
    private readonly connection: Pick<Connection, "journal" | "toolstack">,
  ) {}

  /**
   * Looks at images from now on, to decide what becomes of them. When others change one of them before
   * its plan begins, all is asked again; once a plan has begun `locked` is thrown.
   */
  async deciding<Result>(uuid: string, work: () => Promise<Result>): Promise<Result> {
    for (let attempt = 1; ; attempt++) {
      const command: Command = { token: newToken(), since: this.locks.now(), hasBegun: false };
      this.#commands.set(uuid, command);
      try {
        return await work();
      } catch (thrown) {
        const isOvertaken = thrown !== undefined && thrown === command.overtaken;
        if (!isOvertaken || command.hasBegun || attempt === ATTEMPTS) throw thrown;
      } finally {
        this.#commands.delete(uuid);
      }
    }
  }

  /** Runs a plan, or settles one, while nobody else uses its images. Throws `locked`. */
  async whileClaimed<Result>(
    plan: Plan,
    options: LockOptions,
    work: () => Promise<Result>,
  ): Promise<Result> {
    const { name, uuid } = plan.domain;
    const command = this.#commands.get(uuid);
    const claims = this.connection.toolstack.touchesImages ? await this.#claimsOf(plan) : [];
    if (claims.length === 0) {
      if (command) command.hasBegun = true;
      return work();
    }
    // What a recovery does rests on its journal alone.
    const { token, since } = command ?? { token: newToken(), since: NEVER };
    const begun = async () => {
      const moved = await this.#movedOf(claims);
      if (moved !== undefined && command) throw overtaken(moved, command);
      if (command) await this.#assertSettled(uuid, claims);
      if (command) command.hasBegun = true;
      return work();
    };
    const user = { name: `domain '${name}'`, token, since };
    for (let attempt = 1; ; attempt++) {
      const outcome = await this.locks.run(claims, user, options, begun);
      if ("result" in outcome) return outcome.result;
      if (command || attempt === ATTEMPTS) throw overtaken(outcome.overtaken, command);
    }
  }

  async #claimsOf(plan: Plan): Promise<ImageClaim[]> {
    const claims: ImageClaim[] = [];
    for (const { place, shared } of imagesOfPlan(plan)) {
      const thing = await this.files.thing(place);
      if (thing !== undefined) claims.push({ thing, place, shared });
    }
    return claims;
  }

  /** What another domain's change has left half done must not be built on. */
  async #assertSettled(own: string, claims: readonly ImageClaim[]): Promise<void> {
    const { journal } = this.connection;
    for (const uuid of await journal.list()) {
      // One that cannot be read cannot be settled either, and says so to its own domain.
      const entry = uuid === own ? undefined : await journal.read(uuid).catch(() => undefined);
      if (!entry) continue;
      const theirs = new Map((await this.#claimsOf(entry.plan)).map((one) => [one.thing, one]));
      const common = claims.find(({ thing, shared }) => {
        const other = theirs.get(thing);
        return other && !(shared && other.shared);
      });
      if (common) throw interrupted(entry.plan, common);
    }
  }

  /** A name that leads to another image than when it was locked. */
  async #movedOf(claims: readonly ImageClaim[]): Promise<string | undefined> {
    for (const { place, thing } of claims)
      if ((await this.files.thing(place)) !== thing) return place;
    return undefined;
  }
}

/** Nothing was begun: all can be decided anew. */
function overtaken(place: string, command: Command | undefined): DomsnapError {
  const error = new DomsnapError(
    "locked",
    `image '${place}' was changed for another domain meanwhile`,
    { hint: "Repeat the command." },
  );
  if (command) command.overtaken = error;
  return error;
}

function interrupted({ domain: { name } }: Plan, { place }: ImageClaim): DomsnapError {
  return new DomsnapError(
    "locked",
    `image '${place}' waits for an interrupted change of domain '${name}' to be settled`,
    { hint: `Run 'domsnap recover ${name}' first.` },
  );
}

const ATTEMPTS = 5;
const NEVER = 2n ** 63n;
