import { expect } from "chai";

import { executePlan, type ExecutionEnvironment } from "../../../src/core/execute/execute-plan.js";
import { recoverDomain } from "../../../src/core/execute/recover.js";
import type { ImageRef, Plan } from "../../../src/core/model/index.js";
import type { DiskOperations, Evidence, Identity, Journal } from "../../../src/core/ports/index.js";
import { MemoryJournal } from "../../../src/plugins/store-memory/index.js";
import { expectError } from "../../../src/testing/expect-error.js";

const uuid = "11111111-2222-3333-4444-555555555555";
const imageAt = (path: string): ImageRef => ({ path, type: "file", format: "qcow2" });
const image = imageAt("/img/a");
const overlay = imageAt("/img/a.s");
const another = imageAt("/img/b");

const snapshot: Plan = {
  verb: "create",
  domain: { name: "guest", uuid },
  snapshot: "s",
  before: [
    {
      kind: "disks.snapshot",
      backend: "b",
      snapshot: "s",
      disks: [{ keeps: "overlay", target: "vda", image, overlay, before: "absent" }],
    },
  ],
  after: [],
  warnings: [],
};
const group = (target: string, of: ImageRef) =>
  ({
    backend: "b",
    snapshot: "s",
    disks: [{ keeps: "inside", target, image: of }],
  }) as const;
const revert: Plan = {
  ...snapshot,
  verb: "revert",
  before: [{ kind: "disks.stage", ...group("vda", image) }],
  after: [
    { kind: "disks.revert", ...group("vda", image) },
    { kind: "disks.revert", ...group("vdb", another) },
  ],
};

type Instant = "run disks.stage" | "run disks.revert vda" | "made" | "named";

/** Files, a journal, and a backend that makes and removes them as evidence allows. */
class Host {
  readonly files = new Map<string, Identity>([
    [image.path, "image"],
    [another.path, "another"],
  ]);
  readonly log: string[] = [];
  readonly journal: Journal = new MemoryJournal();
  /** What others do meanwhile. */
  meanwhile: Partial<Record<Instant, () => void>> = {};

  environment(): ExecutionEnvironment {
    const { journal } = this;
    const handlers = { disks: () => this.#operations(), domain: {}, records: {} };
    const signal = new AbortController().signal;
    const identify = (place: string) => {
      const identity = this.files.get(place);
      return Promise.resolve(identity === undefined ? [] : [{ place, identity }]);
    };
    const whileClaimed = (_plan: unknown, work: () => Promise<void>) => work();
    return { handlers, journal, whileClaimed, identify, signal, emit: () => undefined };
  }

  #operations(): DiskOperations {
    const settle = () => Promise.resolve("done" as const);
    return {
      "disks.snapshot": {
        settle,
        run: async (_operation, { evidence }) => {
          await evidence.record(overlay.path, "overlay");
          this.#reach("made");
          this.files.set(overlay.path, "overlay");
          this.#reach("named");
        },
        undo: (_operation, { evidence }) => this.#remove(overlay.path, evidence),
      },
      "disks.stage": {
        settle,
        run: () => this.#note("run disks.stage"),
        undo: () => this.#note("undo disks.stage"),
      },
      "disks.revert": {
        settle,
        run: ({ disks }) =>
          this.#note(`run disks.revert ${disks.map((disk) => disk.target).join()}`),
      },
    };
  }

  #remove(path: string, evidence: Evidence): Promise<void> {
    const identity = this.files.get(path);
    if (identity !== undefined && evidence.made(path).includes(identity)) this.files.delete(path);
    return this.#note("undo disks.snapshot");
  }

  #note(call: string): Promise<void> {
    this.log.push(call);
    this.#reach(call as Instant);
    return Promise.resolve();
  }

  #reach(instant: Instant): void {
    this.meanwhile[instant]?.();
  }
}

/** A failure that nothing but recovery comes after: the process is gone. */
async function dieWithin(host: Host, plan: Plan): Promise<void> {
  const { journal, ...environment } = host.environment();
  const dead: Journal = {
    read: (domain) => journal.read(domain),
    list: () => journal.list(),
    begin: (beginning) => journal.begin(beginning),
    started: (domain, index) => journal.started(domain, index),
    finished: () => new Promise<never>((_resolve, reject) => reject(new Error("killed"))),
    made: (domain, place, identity) => journal.made(domain, place, identity),
    end: () => new Promise<never>((_resolve, reject) => reject(new Error("killed"))),
    abandon: (domain) => journal.abandon(domain),
  };
  const disks = (): DiskOperations => {
    const table = environment.handlers.disks("b");
    const work = table["disks.snapshot"];
    if (!work) throw new Error("the host makes no snapshots");
    const undo = () => Promise.reject(new Error("killed"));
    return { ...table, "disks.snapshot": { ...work, undo } };
  };
  const handlers = { ...environment.handlers, disks };
  await expectError(executePlan(plan, { ...environment, handlers, journal: dead }), "unfinished");
}

describe("the evidence of a plan", () => {
  it("begins with what stands at the places that the plan mentions", async () => {
    const host = new Host();
    await dieWithin(host, snapshot);
    const entry = await host.journal.read(uuid);
    expect(entry?.found).to.deep.equal([{ place: image.path, identity: "image" }]);
    expect(entry?.made).to.deep.equal([{ place: overlay.path, identity: "overlay" }]);
    expect(entry?.token).to.match(/^[0-9a-f]{12}$/);
  });

  it("tells of one plan from another by its token", async () => {
    const tokens = new Set<string | undefined>();
    for (let count = 0; count < 100; count++) {
      const host = new Host();
      await dieWithin(host, snapshot);
      tokens.add((await host.journal.read(uuid))?.token);
    }
    expect(tokens.size).to.equal(100);
  });

  it("lets undo remove what was made, in the same process and after a crash", async () => {
    const failing = new Host();
    failing.meanwhile = {
      named: () => {
        throw new Error("no");
      },
    };
    await expectError(executePlan(snapshot, failing.environment()), "operation-failed");
    expect([...failing.files.keys()]).to.deep.equal([image.path, another.path]);

    const killed = new Host();
    await dieWithin(killed, snapshot);
    expect(killed.files.get(overlay.path)).to.equal("overlay");
    expect(await recoverDomain(uuid, killed.environment())).to.equal("rolled-back");
    expect([...killed.files.keys()]).to.deep.equal([image.path, another.path]);
  });

  for (const instant of ["made", "named"] as const)
    it(`lets undo leave a file that came to the place of what was ${instant}`, async () => {
      const failing = new Host();
      const strangerComes = (host: Host) => host.files.set(overlay.path, "stranger");
      failing.meanwhile = {
        [instant]: () => {
          strangerComes(failing);
          throw new Error("already exists");
        },
      };
      await expectError(executePlan(snapshot, failing.environment()), "operation-failed");
      expect(failing.log).to.deep.equal(["undo disks.snapshot"]);
      expect(failing.files.get(overlay.path)).to.equal("stranger");

      const killed = new Host();
      await dieWithin(killed, snapshot);
      strangerComes(killed);
      expect(await recoverDomain(uuid, killed.environment())).to.equal("rolled-back");
      expect(killed.files.get(overlay.path)).to.equal("stranger");
      expect(await killed.journal.read(uuid)).to.equal(undefined);
    });
});

describe("a stranger's file at a place that a plan changes", () => {
  it("rolls the plan back when it came before the commit point", async () => {
    const host = new Host();
    host.meanwhile = { "run disks.stage": () => host.files.set(another.path, "stranger") };
    const error = await expectError(executePlan(revert, host.environment()), "image-conflict");
    expect(error.effect).to.equal("rolled-back");
    expect(error.message).to.contain(another.path);
    expect(error.hint).to.contain(another.path);
    expect(host.log).to.deep.equal(["run disks.stage", "undo disks.stage"]);
    expect(await host.journal.read(uuid)).to.equal(undefined);
  });

  it("stops the plan when it came behind the commit point, until it is away", async () => {
    const host = new Host();
    host.meanwhile = { "run disks.revert vda": () => host.files.set(another.path, "stranger") };
    const error = await expectError(executePlan(revert, host.environment()), "unfinished");
    expect(error.cause).to.include({ code: "image-conflict" });
    expect(error.message).to.contain(another.path);
    expect(error.hint).to.contain(another.path);
    expect(host.log).to.deep.equal(["run disks.stage", "run disks.revert vda"]);
    expect((await host.journal.read(uuid))?.finished).to.deep.equal(new Set([0, 1]));

    const again = await expectError(recoverDomain(uuid, host.environment()), "recovery-failed");
    expect(again.cause).to.include({ code: "unfinished" });
    expect(again.hint).to.contain(another.path);
    expect(await host.journal.read(uuid)).not.to.equal(undefined);

    host.files.set(another.path, "another");
    expect(await recoverDomain(uuid, host.environment())).to.equal("completed");
    expect(host.log.at(-1)).to.equal("run disks.revert vdb");
  });

  it("is none when only its name is another: the plan may have renamed it", async () => {
    const host = new Host();
    host.meanwhile = { "run disks.revert vda": () => host.files.set(another.path, "image") };
    await executePlan(revert, host.environment());
    expect(host.log.at(-1)).to.equal("run disks.revert vdb");
  });

  it("may be gone: what does not stand there is for the backend to find", async () => {
    const host = new Host();
    host.meanwhile = { "run disks.revert vda": () => host.files.delete(another.path) };
    await executePlan(revert, host.environment());
    expect(host.log.at(-1)).to.equal("run disks.revert vdb");
  });
});
