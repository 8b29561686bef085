import { expect } from "chai";

import { asDomsnapError, DomsnapError } from "../../../src/core/errors/index.js";
import { executePlan, type ExecutionEnvironment } from "../../../src/core/execute/execute-plan.js";
import { recoverDomain } from "../../../src/core/execute/recover.js";
import { settled, type Plan } from "../../../src/core/model/index.js";
import type { Journal, OperationContext } from "../../../src/core/ports/index.js";
import { MemoryJournal } from "../../../src/plugins/store-memory/memory-journal.js";

const domain = { name: "guest", uuid: "11111111-2222-3333-4444-555555555555" };

/** A delete: a merge that tells when it begins, and what follows it. */
const remove: Plan = {
  verb: "delete",
  domain,
  snapshot: "s",
  before: [],
  after: [
    { kind: "disks.merge", backend: "b", snapshot: "s", disks: [] },
    { kind: "record.remove", name: "s" },
  ],
  warnings: [],
};

type Instant = "before the commit" | "after the commit";

class World {
  readonly journal = new MemoryJournal();
  readonly done: string[] = [];
  failAt: Instant | undefined;
  isIdle = false;
  fail: () => never = () => {
    throw new DomsnapError("no-space", "no room left");
  };

  environment(more: Partial<ExecutionEnvironment> = {}): ExecutionEnvironment {
    const merge = {
      commits: true,
      run: async (_operation: unknown, context: OperationContext) => {
        if (this.failAt === "before the commit") this.fail();
        if (this.isIdle) return;
        await context.commit();
        if (this.failAt === "after the commit") this.fail();
        this.done.push("merge");
      },
      settle: () => Promise.resolve(settled(true)),
    } as const;
    const forget = {
      run: () => Promise.resolve(void this.done.push("record")),
      settle: () => Promise.resolve(settled(true)),
    } as const;
    return {
      handlers: {
        disks: () => ({ "disks.merge": merge }),
        domain: {},
        records: { "record.remove": forget },
      },
      journal: this.journal,
      whileClaimed: (_plan, work) => work(),
      identify: () => Promise.resolve([]),
      signal: new AbortController().signal,
      emit: () => undefined,
      ...more,
    };
  }

  /** The failure of a delete. */
  async failure(more: Partial<ExecutionEnvironment> = {}): Promise<DomsnapError> {
    return executePlan(remove, this.environment(more)).then(
      () => expect.fail("nothing failed"),
      (thrown: unknown) => asDomsnapError(thrown),
    );
  }
}

/** A journal whose writer dies at the first call that comes after what is written now. */
function dyingJournal(journal: MemoryJournal): Journal {
  const die = () => Promise.reject(new Error("killed"));
  return {
    read: (uuid) => journal.read(uuid),
    list: () => journal.list(),
    begin: (beginning) => journal.begin(beginning),
    started: (uuid, index) => journal.started(uuid, index),
    made: (uuid, place, identity) => journal.made(uuid, place, identity),
    ...{ finished: die, end: die, abandon: die },
  };
}

describe("an operation that tells itself when the commit point is passed", () => {
  it("lets a plan be given up until then", async () => {
    const world = new World();
    world.failAt = "before the commit";
    expect(await world.failure()).to.include({ code: "no-space", effect: "rolled-back" });
    expect(await world.journal.read(domain.uuid)).to.equal(undefined);
  });

  it("has the rest carried through from then on", async () => {
    const world = new World();
    world.failAt = "after the commit";
    expect(await world.failure()).to.include({ code: "unfinished", effect: "partial" });
    world.failAt = undefined;
    expect(await recoverDomain(domain.uuid, world.environment())).to.equal("completed");
    expect(world.done).to.deep.equal(["merge", "record"]);
  });

  for (const [instant, outcome] of [
    ["before the commit", "rolled-back"],
    ["after the commit", "completed"],
  ] as const)
    it(`is ${outcome} by recovery when domsnap died ${instant}`, async () => {
      const world = new World();
      world.failAt = instant;
      await world.failure({ journal: dyingJournal(world.journal) });
      world.failAt = undefined;
      expect(await recoverDomain(domain.uuid, world.environment())).to.equal(outcome);
      expect(world.done).to.deep.equal(outcome === "completed" ? ["merge", "record"] : []);
      expect(await world.journal.read(domain.uuid)).to.equal(undefined);
    });

  it("heeds an abort until then, and changes nothing", async () => {
    const world = new World();
    const abort = new AbortController();
    const emit = () => {
      abort.abort();
    };
    const error = await world.failure({ signal: abort.signal, emit });
    expect(error).to.include({ code: "cancelled", effect: "rolled-back" });
    expect(world.done).to.deep.equal([]);
  });

  it("has begun, too, when it has found nothing to do", async () => {
    const world = new World();
    world.isIdle = true;
    await world.failure({ journal: dyingJournal(world.journal) });
    expect((await world.journal.read(domain.uuid))?.started).to.deep.equal(new Set([0]));
    expect(await recoverDomain(domain.uuid, world.environment())).to.equal("completed");
  });
});
