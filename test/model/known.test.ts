import { expect } from "chai";

import { patience } from "../../scripts/test-run/patience.cjs";
import { FAILS_TODAY } from "./fails-today.js";
import { KNOWN_SEQUENCES, type KnownSequence } from "./known.js";
import { drain } from "./support/drain.js";
import { Script } from "./support/script.js";
import { Violation } from "./support/violation.js";
import { World } from "./support/world.js";

interface Problem {
  readonly text: string;
  /** All that was played. */
  readonly script: string;
}

/** What is wrong, if something is. */
async function play({ lines }: KnownSequence): Promise<Problem | undefined> {
  const world = new World();
  const script = new Script(world);
  try {
    for (const line of lines) await script.play(line);
    await drain(script);
    return undefined;
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
    return { text: error.message.replaceAll(world.home, "$W"), script: script.lines.join("\n") };
  } finally {
    await script.close();
    world.remove();
  }
}

/** Each kind of loss that was ever found, as a sequence of commands. */
for (const [kind, sequences] of Object.entries(KNOWN_SEQUENCES))
  describe(`known sequences: ${kind}`, function () {
    this.timeout(patience(60_000));

    for (const sequence of sequences)
      it(sequence.name, async () => {
        const problem = await play(sequence);
        const today = FAILS_TODAY[sequence.name];
        if (today !== undefined && !problem)
          throw new Error("this is mended: take it out of fails-today.ts");
        if (problem && (today === undefined || !problem.text.startsWith(today)))
          throw new Error(`${problem.text}\n${problem.script}`);
      });
  });

describe("known sequences that fail today", () => {
  it("are there", () => {
    const names = Object.values(KNOWN_SEQUENCES).flatMap((all) => all.map(({ name }) => name));
    expect(names).to.include.members(Object.keys(FAILS_TODAY));
    expect(names).to.deep.equal([...new Set(names)]);
  });
});
