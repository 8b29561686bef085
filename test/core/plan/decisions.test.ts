import { AssertionError, expect } from "chai";
import fc from "fast-check";

import { DomsnapError } from "../../../src/core/errors/index.js";
import type { ImageFacts } from "../../../src/core/plan/image-facts.js";
import { imagesOf } from "../../../src/core/plan/disk-images.js";
import { ImageNeeds } from "../../../src/core/plan/image-needs.js";
import { operationsOf } from "../../../src/core/plan/plan-operations.js";
import { seedFrom } from "../../support/seed.js";
import { DECISIONS, planOfDelete, type Decisions } from "./support/decide.js";
import {
  addTally,
  disks,
  GuestModel,
  newTally,
  steps,
  type DiskKind,
  type Step,
} from "./support/guest-model.js";
import { contentOf, Violation } from "./support/images.js";
import { runOperation, type World } from "./support/simulate-plan.js";

const seed = seedFrom("DECISIONS_SEED");
const numRuns = Number(process.env["DECISIONS_RUNS"] ?? 250);

function play(
  kinds: readonly DiskKind[],
  taken: readonly Step[],
  decisions: Decisions = DECISIONS,
): GuestModel {
  const guest = new GuestModel(kinds, decisions);
  guest.check();
  for (const step of taken) {
    guest.take(step);
    guest.check();
  }
  return guest;
}

const internal: Step = { does: "create", forms: [0, 0, 0] };
const external: Step = { does: "create", forms: [1, 1, 1] };
const write = (block: number): Step => ({ does: "write", disk: 0, block });
const revert = (pick: number): Step => ({ does: "revert", pick });
const remove = (pick: number): Step => ({ does: "delete", pick });

describe("decisions on random trees and disks", function () {
  this.timeout(600_000);

  it(`keep all that is not given up, and can be undone in their first half (seed ${String(seed)})`, () => {
    const tally = newTally();
    fc.assert(
      fc.property(disks, steps, (kinds, taken) => {
        addTally(tally, play(kinds, taken).tally);
      }),
      { seed, numRuns },
    );
    expect(tally.refused, "refused").to.be.within(tally.plans / 30, tally.plans / 2);
    for (const way of [
      ...["keep inside", "keep copy", "keep overlay", "keep renamed"],
      ...["go back to inside", "go back to copy", "go back to overlay", "discard after revert"],
      ...["drop inside", "drop copy", "merge into base", "merge into renamed", "relink after base"],
      ...["discard after delete", "domain.prepare-capture", "domain.stop"],
    ])
      expect(tally.ways.get(way), way).to.be.greaterThan(0);
  });

  it("pull up what a running guest's overlay has less of than the image below", () => {
    const guest = play(
      ["qcow2"],
      [external, write(0), external, write(0), write(1), { does: "switch" }, remove(1), write(2)],
    );
    expect(guest.tally.ways.get("merge into overlay")).to.equal(1);
  });

  it("merge what was written to a disk that is detached, and that no definition opens", () => {
    const { world } = play(["qcow2"], [external, write(0)]);
    const [record] = world.records.values();
    const [overlay] = imagesOf(world.definition);
    if (!record || !overlay) throw new Error("no snapshot was taken");
    const detached = { ...world, definition: { ...world.definition, disks: [] } };
    const situation = { world: detached, foreign: new Set<string>(), nowSeconds: 1 };
    const plans = planOfDelete(DECISIONS, situation, record);
    const { images } = plans.flatMap(operationsOf).reduce(runOperation, detached as World);
    expect(contentOf(images, "/img/vda.qcow2")).to.equal(contentOf(world.images, overlay.path));
  });

  it("see that an internal snapshot is in an image that was frozen since", () => {
    const taken = [external, internal, write(0), external, revert(0), revert(1)];
    expect(play(["qcow2"], taken).tally).to.include({ plans: 4, refused: 1 });
  });
});

/**
 * Whoever decides without having seen one of the images decides the same, or not at all; only what
 * nobody is known to need may stay where it would have gone.
 */
class BlindDecisions {
  blinded = 0;
  readonly #reason = new DomsnapError("system-error", "cannot read: Input/output error");

  constructor(private readonly pick: number) {}

  readonly decisions: Decisions = {
    ...DECISIONS,
    remove: (facts) => this.#compare(DECISIONS.remove, facts),
    revert: (facts) => this.#compare(DECISIONS.revert, facts),
  };

  #compare<Facts extends { readonly images: ImageFacts }, Decision extends Deeds>(
    decide: (facts: Facts) => Decision,
    facts: Facts,
  ): Decision {
    const blind = outcomeOf(() => decide({ ...facts, images: this.#without(facts.images) }));
    const whole = outcomeOf(() => decide(facts));
    if (blind.error !== undefined) this.blinded += isUnknown(blind.error, this.#reason) ? 1 : 0;
    else {
      const removed = removedBy(whole.decision);
      expect(removed, "removed without an answer").to.include.members(removedBy(blind.decision));
      expect(deedsOf(blind.decision), "decided without an answer").to.deep.equal(
        deedsOf(whole.decision),
      );
    }
    return decide(facts);
  }

  #without({ needs, states, trust }: ImageFacts): ImageFacts {
    const paths = [...needs.facts.below.keys()];
    const path = paths[this.pick % paths.length] ?? "";
    const error = this.#reason;
    return {
      trust,
      needs: new ImageNeeds({
        ...needs.facts,
        below: new Map([...needs.facts.below, [path, { known: false, error }]]),
      }),
      states: new Map([...states, [path, { is: "unreadable", error }]]),
    };
  }
}

function isUnknown(error: unknown, reason: DomsnapError): boolean {
  return error === reason || (error instanceof DomsnapError && error.code === "image-unreachable");
}

interface Deeds {
  readonly garbage?: readonly { readonly path: string }[];
  readonly discards?: readonly { readonly path: string }[];
  readonly leftOverlays?: readonly { readonly path: string }[];
}

function removedBy({ garbage = [], discards = [], leftOverlays = [] }: Deeds = {}): string[] {
  return [...garbage, ...discards, ...leftOverlays].map(({ path }) => path);
}

/** A decision but for what it removes as needed by nobody, and for where that is listed. */
function deedsOf(decision: object | undefined): unknown {
  const beside = ["garbage", "discards", "leftOverlays", "records", "updatedRecords", "swept"];
  return Object.entries(decision ?? {}).filter(([key]) => !beside.includes(key));
}

function outcomeOf<Decision>(decide: () => Decision): { decision?: Decision; error?: unknown } {
  try {
    return { decision: decide() };
  } catch (error) {
    return { error };
  }
}

describe("decisions without an answer", function () {
  this.timeout(600_000);

  it(`are those with all answers, or fail with the reason (seed ${String(seed)})`, () => {
    let blinded = 0;
    fc.assert(
      fc.property(disks, steps, fc.nat(), (kinds, taken, pick) => {
        const blind = new BlindDecisions(pick);
        play(kinds, taken, blind.decisions);
        blinded += blind.blinded;
      }),
      { seed, numRuns },
    );
    expect(blinded).to.be.greaterThan(numRuns / 10);
  });
});

describe("the account that decisions are judged by", function () {
  this.timeout(600_000);

  const nobodyStandsOn = ({ needs, states, trust }: ImageFacts): ImageFacts => ({
    states,
    trust,
    needs: new ImageNeeds({ ...needs.facts, below: new Map() }),
  });
  const FAULTS: Readonly<Record<string, Partial<Decisions>>> = {
    "a delete that does not ask what stands on an image": {
      remove: (facts) => DECISIONS.remove({ ...facts, images: nobodyStandsOn(facts.images) }),
    },
    "a delete that forgets the other records": {
      remove: (facts) => DECISIONS.remove({ ...facts, others: [] }),
    },
    "a delete that does not tell who stands on a merged overlay": {
      remove(facts) {
        const { merges, ...rest } = DECISIONS.remove(facts);
        return { ...rest, merges: merges.map((step) => ({ ...step, relink: [] })) };
      },
    },
    "a delete that leaves the definition on a merged overlay": {
      remove(facts) {
        const { definition: _left, ...rest } = DECISIONS.remove(facts);
        return rest;
      },
    },
    "a revert that does not ask what stands on an image": {
      revert: (facts) => DECISIONS.revert({ ...facts, images: nobodyStandsOn(facts.images) }),
    },
    "a revert that goes on in the frozen image": {
      revert(facts) {
        const { definition, ...rest } = DECISIONS.revert(facts);
        return { ...rest, definition: { ...definition, relocations: [] } };
      },
    },
    "a revert that drops whatever the domain has left": {
      revert(facts) {
        const { leftOverlays: _some, ...rest } = DECISIONS.revert(facts);
        const left = facts.domain.definition.disks.flatMap(({ source, format = "raw" }) =>
          source?.path === undefined
            ? []
            : [{ backend: "qdisk", path: source.path, type: "file" as const, format }],
        );
        return { ...rest, leftOverlays: left };
      },
    },
    "a create that goes on in the image that it freezes": {
      create(facts) {
        const { definition: _left, ...rest } = DECISIONS.create(facts);
        return rest;
      },
    },
    "a create that takes another disk's place": {
      create(facts) {
        const { disks: kept, ...rest } = DECISIONS.create(facts);
        const [first] = facts.domain.definition.disks;
        const path = first?.source?.path ?? "";
        const misplaced = kept.map((step) =>
          step.keeps === "copy" ? { ...step, copy: { ...step.copy, path } } : step,
        );
        return { ...rest, disks: misplaced };
      },
    },
  };

  for (const [fault, broken] of Object.entries(FAULTS))
    it(`finds ${fault}`, () => {
      const property = fc.property(disks, steps, (kinds, taken) => {
        play(kinds, taken, { ...DECISIONS, ...broken });
      });
      const found = fc.check(property, { seed: 1, numRuns: 400 });
      expect(found.failed, "found").to.equal(true);
      expect(found.errorInstance).to.satisfy(
        (error: unknown) => error instanceof AssertionError || error instanceof Violation,
      );
    });
});
