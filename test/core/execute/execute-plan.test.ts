import { expect } from "chai";

import { DomsnapError } from "../../../src/core/errors/index.js";
import { executePlan, type ExecutionEnvironment } from "../../../src/core/execute/execute-plan.js";
import type { Handlers } from "../../../src/core/execute/handlers.js";
import type { ProgressEvent } from "../../../src/core/execute/progress-event.js";
import { recoverDomain } from "../../../src/core/execute/recover.js";
import type { Operation, Plan } from "../../../src/core/model/operation.js";
import type { Journal, OperationHandler } from "../../../src/core/ports/index.js";
import { MemoryJournal } from "../../../src/plugins/store-memory/memory-journal.js";

const domain = { name: "guest", uuid: "11111111-2222-3333-4444-555555555555" };

/** Two disks, a definition and a record: the shape of a create. */
const create: Plan = {
  verb: "create",
  domain,
  snapshot: "s",
  operations: [
    { kind: "disks.snapshot", backend: "one", snapshot: "s", disks: [] },
    { kind: "disks.snapshot", backend: "two", snapshot: "s", disks: [] },
    { kind: "record.write", snapshot: { name: "s", creationTime: 1n, disks: [] } },
    { kind: "record.current", name: "s" },
  ],
  commitAt: 2,
  warnings: [],
};
const everything = ["disks.snapshot one", "disks.snapshot two", "record.write", "record.current"];

class PowerCut extends Error {}

/** A world of named facts, whose power can be cut before any step of anyone. */
class World {
  readonly facts = new Set<string>();
  readonly journal = new MemoryJournal();
  private stepsLeft = Number.POSITIVE_INFINITY;
  failAt: { readonly operation: string; readonly when: "before" | "after" } | undefined;

  cutPowerAfter(steps: number): void {
    this.stepsLeft = steps;
  }

  step(): void {
    if (this.stepsLeft-- <= 0) throw new PowerCut("the power is gone");
  }

  environment(signal = new AbortController().signal): ExecutionEnvironment & {
    readonly events: ProgressEvent[];
  } {
    const events: ProgressEvent[] = [];
    const handlers: Handlers = {
      disks: () => this.handler(),
      domain: this.handler(),
      records: this.handler(),
    };
    return { handlers, journal: this.guarded(), signal, emit: (e) => events.push(e), events };
  }

  private handler<Op extends Operation>(): OperationHandler<Op> {
    const settle = (operation: Op) =>
      Promise.resolve(
        this.facts.has(factOf(operation)) ? ("done" as const) : ("not-done" as const),
      );
    return {
      settle,
      run: async (operation) => {
        this.step();
        this.fail(operation, "before");
        this.facts.add(factOf(operation));
        this.step();
        this.fail(operation, "after");
        await Promise.resolve();
      },
      undo: async (operation) => {
        this.step();
        this.facts.delete(factOf(operation));
        await Promise.resolve();
      },
    };
  }

  private fail(operation: Operation, when: "before" | "after"): void {
    if (this.failAt?.operation === factOf(operation) && this.failAt.when === when)
      throw new DomsnapError("no-space", "no room left");
  }

  /** The journal, whose calls are lost with the power too. */
  private guarded(): Journal {
    const { journal } = this;
    const guard =
      <Args extends unknown[], Result>(call: (...args: Args) => Promise<Result>) =>
      async (...args: Args) => {
        this.step();
        return call(...args);
      };
    return {
      read: (uuid) => journal.read(uuid),
      list: () => journal.list(),
      begin: guard((plan: Plan) => journal.begin(plan)),
      started: guard((uuid: string, index: number) => journal.started(uuid, index)),
      finished: guard((uuid: string, index: number) => journal.finished(uuid, index)),
      end: guard((uuid: string) => journal.end(uuid)),
    };
  }
}

function factOf(operation: Operation): string {
  return "backend" in operation ? `${operation.kind} ${operation.backend}` : operation.kind;
}

async function failureOf(work: Promise<unknown>): Promise<DomsnapError> {
  try {
    await work;
  } catch (error) {
    if (error instanceof DomsnapError) return error;
    throw error;
  }
  throw new Error("nothing failed");
}

describe("executePlan", () => {
  it("runs the operations in order and leaves no journal", async () => {
    const world = new World();
    const environment = world.environment();
    await executePlan(create, environment);
    expect([...world.facts]).to.deep.equal(everything);
    expect(await world.journal.read(domain.uuid)).to.equal(undefined);
    const started = environment.events.filter(({ type }) => type === "operation-started");
    expect(started.map((event) => "index" in event && event.index)).to.deep.equal([0, 1, 2, 3]);
  });

  for (const operation of everything.slice(0, 2))
    for (const when of ["before", "after"] as const)
      it(`undoes everything when '${operation}' fails ${when} its effect`, async () => {
        const world = new World();
        world.failAt = { operation, when };
        const error = await failureOf(executePlan(create, world.environment()));
        expect(error).to.include({ code: "no-space", effect: "rolled-back" });
        expect([...world.facts]).to.deep.equal([]);
        expect(await world.journal.read(domain.uuid)).to.equal(undefined);
      });

  it("undoes everything when the record could not be written", async () => {
    const world = new World();
    world.failAt = { operation: "record.write", when: "before" };
    const error = await failureOf(executePlan(create, world.environment()));
    expect(error.effect).to.equal("rolled-back");
    expect([...world.facts]).to.deep.equal([]);
  });

  it("keeps the journal when something fails after the commit point, and goes on later", async () => {
    const world = new World();
    world.failAt = { operation: "record.current", when: "before" };
    const error = await failureOf(executePlan(create, world.environment()));
    expect(error).to.include({ code: "unfinished", effect: "partial", exitStatus: 2 });
    expect(error.message).to.contain("no room left");
    world.failAt = undefined;
    expect(await recoverDomain(domain.uuid, world.environment())).to.equal("completed");
    expect([...world.facts]).to.deep.equal(everything);
  });

  it("distrusts a disk operation whose result is not there", async () => {
    const world = new World();
    const environment = world.environment();
    const lazy = environment.handlers.disks("one");
    const handlers = {
      ...environment.handlers,
      disks: () => ({ ...lazy, run: () => Promise.resolve() }),
    };
    const error = await failureOf(executePlan(create, { ...environment, handlers }));
    expect(error).to.include({ code: "operation-failed", effect: "rolled-back" });
  });

  it("rolls back when it is cancelled before the commit point", async () => {
    const world = new World();
    const abort = new AbortController();
    const environment = world.environment(abort.signal);
    const emit = (event: ProgressEvent) => {
      if (event.type === "operation-finished") abort.abort();
    };
    const error = await failureOf(executePlan(create, { ...environment, emit }));
    expect(error).to.include({ code: "cancelled", effect: "rolled-back", exitStatus: 130 });
    expect([...world.facts]).to.deep.equal([]);
  });

  it("does nothing at all when it is cancelled before it begins", async () => {
    const world = new World();
    const abort = AbortSignal.abort();
    const error = await failureOf(executePlan(create, world.environment(abort)));
    expect(error).to.include({ code: "cancelled", effect: "none" });
  });
});

describe("recoverDomain", () => {
  it("has nothing to do without a journal", async () => {
    const world = new World();
    expect(await recoverDomain(domain.uuid, world.environment())).to.equal(undefined);
  });

  // The loop finds the number of steps by itself: it ends when the plan gets through.
  for (const again of [false, true])
    it(`settles a power cut at every step${again ? ", and one during recovery" : ""}`, async () => {
      let points = 0;
      for (let steps = 0; ; steps++) {
        const world = new World();
        world.cutPowerAfter(steps);
        const cut = await executePlan(create, world.environment()).then(
          () => false,
          () => true,
        );
        if (!cut) break;
        points++;
        if (again) {
          world.cutPowerAfter(2);
          await recoverDomain(domain.uuid, world.environment()).catch(() => undefined);
        }
        world.cutPowerAfter(Number.POSITIVE_INFINITY);
        await recoverDomain(domain.uuid, world.environment());
        expect(await world.journal.read(domain.uuid), `step ${String(steps)}`).to.equal(undefined);
        expect(world.facts.size, `step ${String(steps)}`).to.be.oneOf([0, everything.length]);
      }
      expect(points).to.be.greaterThan(10);
    });

  it("says what could not be settled and keeps the journal", async () => {
    const world = new World();
    world.failAt = { operation: "record.current", when: "before" };
    await executePlan(create, world.environment()).catch(() => undefined);
    const error = await failureOf(recoverDomain(domain.uuid, world.environment()));
    expect(error).to.include({ code: "recovery-failed", effect: "partial" });
    expect(error.message).to.contain("create of snapshot 's' of domain 'guest'");
    expect(await world.journal.read(domain.uuid)).to.not.equal(undefined);
  });
});
