import { expect } from "chai";
import fc from "fast-check";
import { seedFrom } from "../../support/seed.js";
import type { Outcome } from "./play.js";
import type { Scenario } from "./scenario.js";

/** What one run of a differential test saw, to prove that it was not idle. */
export interface Tally {
  documents: number;
  accepted: number;
}

/** The seed of this run; set DIFFERENTIAL_SEED to repeat one. */
export const seed = seedFrom("DIFFERENTIAL_SEED");

/** Plays batches of scenarios until they agree or a smallest one is found that does not. */
export function playBatches(
  scenario: fc.Arbitrary<Scenario>,
  play: (batch: readonly Scenario[]) => Outcome,
  batches: number,
): Tally {
  const tally: Tally = { documents: 0, accepted: 0 };
  const batch = fc.array(scenario, { minLength: 1, maxLength: 60, size: "max" });
  fc.assert(
    fc.property(batch, (scenarios) => {
      const { disagreements, answers } = play(scenarios);
      tally.documents += answers.length;
      tally.accepted += answers.filter(({ error }) => error === undefined).length;
      if (disagreements[0] !== undefined) throw new Disagreement(disagreements[0]);
    }),
    {
      seed,
      numRuns: batches,
      interruptAfterTimeLimit: 100_000,
      markInterruptAsFailure: true,
      reporter: (details) => {
        if (!details.failed) return;
        const cause = details.errorInstance;
        if (!(cause instanceof Disagreement)) throw new Error("no verdict", { cause });
        throw new Error(
          `libvirt and domsnap disagree (DIFFERENTIAL_SEED=${details.seed}, ${details.numShrinks} times made smaller)\n${cause.message}`,
        );
      },
    },
  );
  return tally;
}

class Disagreement extends Error {}

/** Proves that a run saw enough documents, right ones and wrong ones. */
export function expectBusy({ documents, accepted }: Tally, least: number): void {
  expect(documents).to.be.at.least(least);
  expect(accepted / documents).to.be.within(0.15, 0.7);
}
