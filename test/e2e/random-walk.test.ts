import { expect } from "chai";
import fc from "fast-check";

import { patience } from "../../scripts/test-run/patience.cjs";
import { DomsnapError } from "../../src/core/errors/index.js";
import { GuestLab, type Contents } from "./support/guest-lab.js";

/** What a refusal may be about; every other error is a failure of the test. */
const REFUSALS = new Set(["image-in-use", "config-unsupported", "disk-unsupported"]);

const MODES = ["<disk name='vdb' snapshot='internal'/>", "<disk name='vdb' snapshot='external'/>"];
const COPY = "<disk name='vda' snapshot='external'><driver type='raw'/></disk>";
const OVERLAY = "<disk name='vda' snapshot='external'><driver type='qcow2'/></disk>";

const step = fc.oneof(
  fc.record({ kind: fc.constant("write" as const), byte: fc.integer({ min: 1, max: 255 }) }),
  fc.record({
    kind: fc.constant("create" as const),
    vda: fc.constantFrom(COPY, OVERLAY),
    vdb: fc.constantFrom(...MODES),
  }),
  fc.record({ kind: fc.constant("revert" as const), pick: fc.nat() }),
  fc.record({ kind: fc.constant("delete" as const), pick: fc.nat() }),
);
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

/** The guest as it should be: what every snapshot holds, and what the disks hold now. */
class Walk {
  readonly held = new Map<string, Contents>();
  #present: Contents | undefined;
  #made = 0;
  refusals = 0;

  constructor(private readonly lab: GuestLab) {}

  async take(step: Step): Promise<void> {
    const service = await this.lab.service();
    switch (step.kind) {
      case "write":
        await this.lab.write(step.byte);
        this.#present = await this.lab.contents();
        return;
      case "create": {
        const name = `s${String(this.#made++)}`;
        const document = `<domainsnapshot><name>${name}</name><disks>${step.vda}${step.vdb}</disks></domainsnapshot>`;
        const present = await this.lab.contents();
        if (await this.#try(service.create("guest", document, {}))) this.held.set(name, present);
        return;
      }
      case "revert": {
        const name = this.#pick(step.pick);
        if (name === undefined) return;
        if (await this.#try(service.revert("guest", name, {}))) this.#present = this.held.get(name);
        return;
      }
      case "delete": {
        const name = this.#pick(step.pick);
        if (name === undefined) return;
        if (await this.#try(service.delete("guest", name, {}))) this.held.delete(name);
        return;
      }
    }
  }

  async check(): Promise<void> {
    if (this.#present) expect(await this.lab.contents(), "the guest").to.deep.equal(this.#present);
    for (const [name, contents] of this.held)
      expect(await this.lab.contentsOf(name), `snapshot '${name}'`).to.deep.equal(contents);
    const { heads } = await (await this.lab.service()).list("guest");
    expect(heads.map(({ name }) => name).sort()).to.deep.equal([...this.held.keys()].sort());
  }

  #pick(number: number): string | undefined {
    const names = [...this.held.keys()];
    return names[number % Math.max(names.length, 1)];
  }

  async #try(work: Promise<unknown>): Promise<boolean> {
    try {
      await work;
      return true;
    } catch (error) {
      if (!(error instanceof DomsnapError) || !REFUSALS.has(error.code)) throw error;
      expect(error.effect).to.equal("none");
      this.refusals++;
      return false;
    }
  }
}

describe("a random walk of writes, creates, reverts and deletes", function () {
  this.timeout(patience(300_000));

  it("keeps every snapshot's content, and refuses without effect", async () => {
    let steps = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 14 }), async (walkSteps) => {
        const lab = await GuestLab.create();
        try {
          const walk = new Walk(lab);
          for (const next of walkSteps) {
            await walk.take(next);
            await walk.check();
            steps++;
          }
        } finally {
          lab.remove();
        }
      }),
      { numRuns: 25, interruptAfterTimeLimit: 240_000 },
    );
    expect(steps).to.be.greaterThan(60);
  });
});
