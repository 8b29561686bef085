import { expect } from "chai";
import fc from "fast-check";

import {
  IMAGE_FORMATS,
  RANK,
  type DiskSnapshot,
  type DomainDisk,
  type Offer,
  type SnapshotForm,
} from "../../../src/core/model/index.js";
import { BackendRegistry } from "../../../src/core/plan/backend-registry.js";
import type { BackendProfile } from "../../../src/core/ports/index.js";
import { DomsnapError } from "../../../src/core/errors/index.js";

const DISK: DomainDisk = {
  target: "vda",
  device: "disk",
  type: "file",
  source: { path: "/images/a" },
  readonly: false,
  shareable: false,
  transient: false,
};
const EXTERNAL = { mode: "external" } as const;

type OfferOf = (form: SnapshotForm) => Offer | undefined;

function profile(id: string, offerOf: OfferOf, summary = `what ${id} does`): BackendProfile {
  return {
    ...{ id, summary, externalKind: "copy", defaultFormat: "raw" },
    offer: (_disk, form) => offerOf(form),
    forms: () => [EXTERNAL],
  };
}

function ranked(id: string, rank: number): BackendProfile {
  return profile(id, () => ({ rank, reason: `${id} has ${String(rank)}` }));
}

function errorOf(work: () => unknown): DomsnapError {
  try {
    work();
  } catch (thrown) {
    if (thrown instanceof DomsnapError) return thrown;
    throw thrown;
  }
  throw new Error("nothing was thrown");
}

const idOf = (backend: BackendProfile | undefined) => backend?.id;
const idsOf = (offers: readonly { backend: BackendProfile }[]) =>
  offers.map(({ backend }) => backend.id);

const ids = fc.stringMatching(/^[a-z0-9]{1,3}(-[a-z0-9]{1,2}){0,2}$/);
const offer = fc.option(
  fc.record({ rank: fc.constantFrom(...Object.values(RANK), 250), reason: fc.string() }),
  { nil: undefined },
);
/** Some backends, each with its answer for both modes. */
const someBackends = fc
  .uniqueArray(fc.tuple(ids, offer, offer), { selector: ([id]) => id, maxLength: 6 })
  .map((parts) =>
    parts.map(([id, inside, outside]) =>
      profile(id, ({ mode }) => (mode === "internal" ? inside : outside)),
    ),
  );
const wishes = fc.record(
  {
    mode: fc.constantFrom("internal", "external", "no", "manual" as const),
    format: fc.constantFrom(...IMAGE_FORMATS),
  },
  { requiredKeys: [] },
);

describe("the registry of disk backends", () => {
  it("takes the best rank, and of equal ones the id that sorts first", () => {
    const registry = new BackendRegistry([
      ranked("zeta", RANK.native),
      ranked("mu", RANK.suited),
      ranked("alpha", RANK.native),
      ranked("beta", RANK.refuses),
    ]);
    expect(idsOf(registry.offers(DISK, EXTERNAL))).to.deep.equal(["alpha", "zeta", "mu", "beta"]);
    expect(idsOf(registry.capable(DISK, EXTERNAL))).to.deep.equal(["alpha", "zeta", "mu"]);
    expect(idOf(registry.best(DISK, EXTERNAL))).to.equal("alpha");
  });

  it("asks one that refuses for the reason, if nobody can", () => {
    const registry = new BackendRegistry([ranked("knows", RANK.refuses)]);
    expect(idOf(registry.best(DISK, EXTERNAL))).to.equal("knows");
    expect(registry.capable(DISK, EXTERNAL)).to.deep.equal([]);
  });

  it("has the same answers in whatever order the backends are registered", () => {
    const shuffled = someBackends.chain((backends) =>
      fc.tuple(
        fc.constant(backends),
        fc.shuffledSubarray(backends, { minLength: backends.length }),
      ),
    );
    fc.assert(
      fc.property(shuffled, wishes, ([backends, others], wish) => {
        const [one, other] = [new BackendRegistry(backends), new BackendRegistry(others)];
        expect(idsOf(one.offers(DISK, wish))).to.deep.equal(idsOf(other.offers(DISK, wish)));
        expect(idOf(one.best(DISK, wish))).to.equal(idOf(other.best(DISK, wish)));
        expect(one.describe()).to.equal(other.describe());
      }),
    );
  });

  it("never takes one of a lower rank", () => {
    fc.assert(
      fc.property(someBackends, wishes, (backends, wish) => {
        const registry = new BackendRegistry(backends);
        const ranks = registry.offers(DISK, wish).map(({ rank }) => rank);
        expect(ranks).to.deep.equal([...ranks].sort((a, b) => b - a));
        if (wish.mode !== "internal" && wish.mode !== "external") expect(ranks).to.deep.equal([]);
      }),
    );
  });

  it("holds to the backend of the record, whatever others offer", () => {
    const kept = someBackends
      .filter((backends) => backends.length > 0)
      .chain((backends) => fc.tuple(fc.constant(backends), fc.constantFrom(...backends)));
    fc.assert(
      fc.property(kept, wishes, ([backends, keeper], wish) => {
        const rival = ranked("rival", RANK.native + 1);
        const registry = new BackendRegistry([...backends, rival], rival.id);
        const disk: DiskSnapshot = { name: "vda", type: "file", ...wish, backend: keeper.id };
        expect(registry.keeperOf(DISK, disk)).to.equal(keeper);
        expect(registry.keeperOf(undefined, disk)).to.equal(keeper);
      }),
    );
  });

  it("lets the best offer decide on a record that names none, never the default of today", () => {
    const [best, other] = [ranked("best", RANK.native), ranked("other", RANK.generic)];
    const registry = new BackendRegistry([best, other], "other");
    const old: DiskSnapshot = { name: "vda", type: "file", ...EXTERNAL };
    expect(registry.keeperOf(DISK, old)).to.equal(best);
    expect(registry.keeperOf(undefined, old)).to.equal(undefined);
    expect(registry.choose(DISK, EXTERNAL)).to.equal(other);
  });

  it("takes the default only where it can keep the disk", () => {
    const registry = new BackendRegistry(
      [ranked("best", RANK.native), ranked("shy", RANK.refuses)],
      "shy",
    );
    expect(idOf(registry.choose(DISK, EXTERNAL))).to.equal("best");
  });

  it("refuses two of one id, and names both", () => {
    const first = profile("lvm", () => undefined, "volumes of LVM");
    const second = profile("lvm", () => undefined, "thin volumes");
    const error = errorOf(() => new BackendRegistry([first, second]));
    expect(error.code).to.equal("plugin-conflict");
    expect(error.detail).to.include("'lvm'").and.include("volumes of LVM").and.include("thin");
  });

  it("refuses an id that a record's header could not hold, and a rank that is none", () => {
    for (const id of ["", "Lvm", "a b", "a=b", "--", "-a", "a--b", "a\nb"])
      expect(errorOf(() => new BackendRegistry([ranked(id, 1)])).code).to.equal("plugin-conflict");
    for (const rank of [NaN, -1, Infinity]) {
      const registry = new BackendRegistry([ranked("odd", rank)]);
      expect(errorOf(() => registry.best(DISK, EXTERNAL)).code).to.equal("plugin-conflict");
    }
  });

  it("tells what there is when one is asked for that is not", () => {
    const registry = new BackendRegistry([ranked("dd", 1)]);
    const missing = errorOf(() => registry.byId("lvm"));
    expect(missing.code).to.equal("tool-missing");
    expect(missing.hint).to.include("dd (what dd does)");
    const wrong = errorOf(() => new BackendRegistry([ranked("dd", 1)], "lvm"));
    expect(wrong.code).to.equal("invalid-argument");
    expect(wrong.hint).to.include("dd (what dd does)");
  });
});
