import { expect } from "chai";

import { DomsnapError } from "../../../src/core/errors/index.js";
import { executePlan, type ExecutionEnvironment } from "../../../src/core/execute/execute-plan.js";
import type { Handlers } from "../../../src/core/execute/handlers.js";
import type { ProgressEvent } from "../../../src/core/execute/progress-event.js";
import { recoverDomain } from "../../../src/core/execute/recover.js";
import type { Operation, Plan } from "../../../src/core/model/operation.js";
import type { Journal, JournalBeginning, UndoableWork } from "../../../src/core/ports/index.js";
import { MemoryJournal } from "../../../src/plugins/store-memory/memory-journal.js";

const domain = { name: "guest", uuid: "11111111-2222-3333-4444-555555555555" };

/** Two disks, a definition and a record: the shape of a create. */
const create: Plan = {
  verb: "create",
  domain,
  snapshot: "s",
  before: [
    { kind: "disks.snapshot", backend: "one", snapshot: "s", disks: [] },
    { kind: "disks.snapshot", backend: "two", snapshot: "s", disks: [] },
  ],
  after: [
    { kind: "record.write", snapshot: { name: "s", creationTime: 1n, disks: [] } },
    { kind: "record.current", name: "s" },
  ],
  warnings: [],
};
/** Of a snapshot that is not recorded. */
const unrecorded: Plan = { ...create, after: [] };
const everything = ["disks.snapshot one", "disks.snapshot two", "record.write", "record.current"];

class PowerCut extends Error {}

/** A world of named facts, whose power can be cut before any step of anyone. */
class World {
  readonly facts = new Set<string>();
  readonly journal = new MemoryJournal();
  #stepsLeft = Number.POSITIVE_INFINITY;
  /** A call of the journal that always fails. */
  failingCall: "end" | "mark of the commit" | undefined;
  failAt: { readonly operation: string; readonly when: "before" | "after" } | undefined;

  cutPowerAfter(steps: number): void {
    this.#stepsLeft = steps;
  }

  step(): void {
    if (this.#stepsLeft-- <= 0) throw new PowerCut("the power is gone");
  }

  environment(signal = new AbortController().signal): ExecutionEnvironment & {
    readonly events: ProgressEvent[];
  } {
    const events: ProgressEvent[] = [];
    const work = this.work();
    const handlers: Handlers = {
      disks: () => ({ "disks.snapshot": work }),
      domain: {},
      records: { "record.write": work, "record.current": work },
    };
    const identify = () => Promise.resolve([]);
    const emit = (event: ProgressEvent) => events.push(event);
    const whileClaimed = (_plan: unknown, work: () => Promise<void>) => work();
    return { handlers, journal: this.#guarded(), whileClaimed, identify, signal, emit, events };
  }

  work(): UndoableWork<Operation> {
    const settle = (operation: Operation) =>
      Promise.resolve(
        this.facts.has(factOf(operation)) ? ("done" as const) : ("not-done" as const),
      );
    return {
      settle,
      run: async (operation) => {
        this.step();
        this.#fail(operation, "before");
        this.facts.add(factOf(operation));
        this.step();
        this.#fail(operation, "after");
        await Promise.resolve();
      },
      undo: async (operation) => {
        this.step();
        this.facts.delete(factOf(operation));
        await Promise.resolve();
      },
    };
  }

  #fail(operation: Operation, when: "before" | "after"): void {
    if (this.failAt?.operation === factOf(operation) && this.failAt.when === when)
      throw new DomsnapError("no-space", "no room left");
  }

  /** The journal, whose calls are lost with the power too. */
  #guarded(): Journal {
    const { journal } = this;
    const guard =
      <Args extends unknown[], Result>(call: (...args: Args) => Promise<Result>) =>
      async (...args: Args) => {
        this.step();
        return call(...args);
      };
    const refuse = (call: World["failingCall"]) => {
      if (this.failingCall === call) throw new DomsnapError("system-error", `${call} failed`);
    };
    return {
      read: (uuid) => journal.read(uuid),
      list: () => journal.list(),
      begin: guard((beginning: JournalBeginning) => journal.begin(beginning)),
      started: guard((uuid: string, index: number) => {
        if (index === unrecorded.before.length) refuse("mark of the commit");
        return journal.started(uuid, index);
      }),
      finished: guard((uuid: string, index: number) => journal.finished(uuid, index)),
      made: guard((uuid: string, place: string, identity: string) =>
        journal.made(uuid, place, identity),
      ),
      end: guard((uuid: string) => {
        refuse("end");
        return journal.end(uuid);
      }),
      abandon: (uuid) => journal.abandon(uuid),
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

  for (const [half, plan] of Object.entries({
    first: { ...create, before: [...create.before, { kind: "domain.quiesce" }] },
    second: { ...create, after: [...create.after, { kind: "domain.stop" }] },
  } as const))
    it(`refuses a plan before it begins when nobody carries out a kind of its ${half} half`, async () => {
      const world = new World();
      const environment = world.environment();
      world.cutPowerAfter(0);
      const error = await failureOf(executePlan(plan, environment));
      expect(error).to.include({ code: "operation-unsupported", effect: "none" });
      expect(error.message).to.match(/toolstack of this domain cannot .* 'domain\.(quiesce|stop)'/);
      expect([...world.facts]).to.deep.equal([]);
      expect(environment.events).to.deep.equal([]);
      expect(await world.journal.read(domain.uuid)).to.equal(undefined);
    });

  it("refuses a plan before it begins when a backend cannot do its part, or is not there", async () => {
    const world = new World();
    const environment = world.environment();
    world.cutPowerAfter(0);
    const [snapshot] = create.before;
    const plan = { ...create, before: [snapshot, { ...snapshot, kind: "disks.stage" }] } as Plan;
    const error = await failureOf(executePlan(plan, environment));
    expect(error.code).to.equal("operation-unsupported");
    expect(error.message).to.contain("disk backend 'one' cannot carry out 'disks.stage'");
    const disks = (): never => {
      throw new DomsnapError("tool-missing", "no disk backend 'one'");
    };
    const handlers = { ...environment.handlers, disks };
    const missing = await failureOf(executePlan(create, { ...environment, handlers }));
    expect(missing).to.include({ code: "tool-missing", effect: "none" });
  });

  describe("of a plan without a second half", () => {
    const all = everything.slice(0, 2);

    it("leaves it done when its journal cannot be ended, and so does recovery", async () => {
      const world = new World();
      world.failingCall = "end";
      const error = await failureOf(executePlan(unrecorded, world.environment()));
      expect(error).to.include({ code: "unfinished", effect: "partial" });
      world.failingCall = undefined;
      expect(await recoverDomain(domain.uuid, world.environment())).to.equal("completed");
      expect([...world.facts]).to.deep.equal(all);
      expect(await world.journal.read(domain.uuid)).to.equal(undefined);
    });

    it("undoes it when nothing can tell that it is done", async () => {
      const world = new World();
      world.failingCall = "mark of the commit";
      const error = await failureOf(executePlan(unrecorded, world.environment()));
      expect(error).to.include({ code: "system-error", effect: "rolled-back" });
      expect([...world.facts]).to.deep.equal([]);
      expect(await world.journal.read(domain.uuid)).to.equal(undefined);
    });
  });

  it("distrusts a disk operation whose result is not there", async () => {
    const world = new World();
    const environment = world.environment();
    const lazy = { ...world.work(), run: () => Promise.resolve() };
    const disks = () => ({ "disks.snapshot": lazy });
    const handlers = { ...environment.handlers, disks };
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
  for (const [plan, whole, again] of [
    [create, everything, false],
    [create, everything, true],
    [unrecorded, everything.slice(0, 2), false],
    [unrecorded, everything.slice(0, 2), true],
  ] as const)
    it(`settles a power cut at every step${plan === create ? "" : " of a plan without a second half"}${again ? ", and one during recovery" : ""}`, async () => {
      let points = 0;
      for (let steps = 0; ; steps++) {
        const world = new World();
        world.cutPowerAfter(steps);
        const cut = await executePlan(plan, world.environment()).then(
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
        expect(world.facts.size, `step ${String(steps)}`).to.be.oneOf([0, whole.length]);
      }
      expect(points).to.be.greaterThan(plan === create ? 10 : 6);
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
