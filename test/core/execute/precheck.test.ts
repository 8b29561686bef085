import { expect } from "chai";

import { DomsnapError } from "../../../src/core/errors/index.js";
import { executePlan } from "../../../src/core/execute/execute-plan.js";
import type { Operation, Plan } from "../../../src/core/model/operation.js";
import type { UndoableWork } from "../../../src/core/ports/index.js";
import { MemoryJournal } from "../../../src/plugins/store-memory/index.js";
import { expectError } from "../../../src/testing/expect-error.js";

const uuid = "11111111-2222-3333-4444-555555555555";
const disks = { backend: "b", snapshot: "s", disks: [] } as const;
const plan: Plan = {
  verb: "revert",
  domain: { name: "guest", uuid },
  snapshot: "s",
  before: [{ kind: "disks.stage", ...disks }],
  after: [
    { kind: "disks.revert", ...disks },
    { kind: "disks.discard", backend: "b", files: [] },
  ],
  warnings: [],
};

/** Writes down what is asked of it; the precheck of one kind fails. */
function recordingWork(log: string[], failing?: string): UndoableWork<Operation> {
  const note =
    (call: string) =>
    ({ kind }: Operation) => {
      log.push(`${call} ${kind}`);
      return Promise.resolve();
    };
  return {
    run: note("run"),
    undo: note("undo"),
    settle: () => Promise.resolve("done"),
    precheck: async (operation: Operation) => {
      await note("precheck")(operation);
      if (operation.kind === failing) throw new DomsnapError("image-in-use", "somebody has it");
    },
  };
}

describe("the check before the commit point", () => {
  const execute = async (log: string[], failing?: string) => {
    const journal = new MemoryJournal();
    const work = recordingWork(log, failing);
    const table = { "disks.stage": work, "disks.revert": work, "disks.discard": work };
    const handlers = { disks: () => table, domain: {}, records: {} };
    const identify = () => Promise.resolve([]);
    const signal = new AbortController().signal;
    const emit = () => undefined;
    try {
      const whileClaimed = (_plan: unknown, work: () => Promise<void>) => work();
      await executePlan(plan, { journal, handlers, whileClaimed, identify, signal, emit });
    } finally {
      log.push((await journal.read(uuid)) ? "journal" : "no journal");
    }
  };

  it("asks all that is left, once, after all that can be undone is done", async () => {
    const log: string[] = [];
    await execute(log);
    expect(log).to.deep.equal([
      "run disks.stage",
      "precheck disks.revert",
      "precheck disks.discard",
      "run disks.revert",
      "run disks.discard",
      "no journal",
    ]);
  });

  for (const failing of ["disks.revert", "disks.discard"])
    it(`rolls back when ${failing} could not be done`, async () => {
      const log: string[] = [];
      const error = await expectError(execute(log, failing), "image-in-use");
      expect(error.effect).to.equal("rolled-back");
      expect(log).not.to.include("run disks.revert");
      expect(log.slice(-2)).to.deep.equal(["undo disks.stage", "no journal"]);
    });
});
