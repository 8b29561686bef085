import { expect } from "chai";

import type { Plan } from "../core/model/operation.js";
import type { Journal, JournalBeginning } from "../core/ports/domain-guard.js";
import { expectError } from "./expect-error.js";
import { OTHER_UUID, SAMPLE_UUID, sampleSnapshot } from "./samples.js";

/** An empty journal, made anew for each test. */
export interface JournalUnderTest {
  readonly journal: Journal;
  /** The same journal through another object, as a recovering process would see it. */
  readonly reopened: () => Journal;
  readonly dispose?: () => Promise<void>;
}

/** A plan with what is hard to write down: 64-bit numbers, line ends, quotes. */
export function samplePlan(domainUuid = SAMPLE_UUID): Plan {
  return {
    verb: "create",
    domain: { name: "guest", uuid: domainUuid },
    snapshot: 'a\nb "c" $bigint 12n',
    before: [
      {
        kind: "disks.snapshot",
        backend: "qdisk",
        snapshot: "s",
        disks: [
          {
            keeps: "inside",
            target: "vda",
            image: { path: "/images/\u2028 ü.qcow2", type: "file", format: "qcow2" },
          },
        ],
      },
    ],
    after: [
      {
        kind: "record.write",
        snapshot: sampleSnapshot({ creationTime: -9_223_372_036_854_775_808n }),
      },
      { kind: "record.current", name: "s" },
    ],
    warnings: ["a warning"],
  };
}

function beginningOf(plan = samplePlan()): JournalBeginning {
  const found = [{ place: "/images/\u2028 ü.qcow2", identity: "12@34" }];
  return { plan, token: "0123456789ab", found };
}

/** What every `Journal` promises. To be called inside of mocha. */
export function describeJournal(name: string, open: () => Promise<JournalUnderTest>): void {
  describe(`${name} keeps the contract of a journal`, () => {
    let subject: JournalUnderTest;
    beforeEach(async () => {
      subject = await open();
    });
    afterEach(() => subject.dispose?.());

    it("is empty at first, and ending nothing is no error", async () => {
      await subject.journal.end(SAMPLE_UUID);
      expect(await subject.journal.read(SAMPLE_UUID)).to.equal(undefined);
    });

    it("gives back the plan and who began it", async () => {
      const before = Date.now();
      await subject.journal.begin(beginningOf());
      const entry = await subject.reopened().read(SAMPLE_UUID);
      expect(entry?.plan).to.deep.equal(samplePlan());
      expect(entry?.token).to.equal(beginningOf().token);
      expect(entry?.found).to.deep.equal(beginningOf().found);
      expect(entry?.made).to.deep.equal([]);
      expect(entry?.owner.pid).to.equal(process.pid);
      expect(entry?.owner.host).to.be.a("string").and.not.equal("");
      expect(entry?.owner.sinceMs).to.be.within(before, Date.now());
      expect(entry?.started).to.deep.equal(new Set());
      expect(entry?.finished).to.deep.equal(new Set());
    });

    it("remembers what began and what finished", async () => {
      await subject.journal.begin(beginningOf());
      await subject.journal.started(SAMPLE_UUID, 0);
      await subject.journal.finished(SAMPLE_UUID, 0);
      await subject.journal.started(SAMPLE_UUID, 2);
      await subject.journal.started(SAMPLE_UUID, 2);
      const entry = await subject.reopened().read(SAMPLE_UUID);
      expect(entry?.started).to.deep.equal(new Set([0, 2]));
      expect(entry?.finished).to.deep.equal(new Set([0]));
    });

    it("remembers what was made, in its order", async () => {
      const made = [
        { place: '/images/a\n"b" \u2028', identity: "1@2" },
        { place: "/images/c", identity: "3:4" },
        { place: "/images/c", identity: "5@6" },
      ];
      await subject.journal.begin(beginningOf());
      for (const { place, identity } of made)
        await subject.journal.made(SAMPLE_UUID, place, identity);
      expect((await subject.reopened().read(SAMPLE_UUID))?.made).to.deep.equal(made);
    });

    it("forgets a plan that ended", async () => {
      await subject.journal.begin(beginningOf());
      await subject.journal.started(SAMPLE_UUID, 0);
      await subject.journal.end(SAMPLE_UUID);
      expect(await subject.reopened().read(SAMPLE_UUID)).to.equal(undefined);
      await subject.journal.begin(beginningOf());
      expect((await subject.reopened().read(SAMPLE_UUID))?.started).to.deep.equal(new Set());
    });

    it("does not read a plan any more that was given up", async () => {
      expect(await subject.journal.abandon(SAMPLE_UUID)).to.equal(undefined);
      await subject.journal.begin(beginningOf());
      await subject.journal.started(SAMPLE_UUID, 0);
      expect(await subject.journal.abandon(SAMPLE_UUID)).to.be.a("string");
      expect(await subject.reopened().read(SAMPLE_UUID)).to.equal(undefined);
      expect(await subject.reopened().list()).to.deep.equal([]);
      await subject.journal.begin(beginningOf());
      expect((await subject.reopened().read(SAMPLE_UUID))?.started).to.deep.equal(new Set());
    });

    it("does not lose a plan to another one", async () => {
      await subject.journal.begin(beginningOf());
      await subject.journal.started(SAMPLE_UUID, 0);
      await expectError(subject.journal.begin(beginningOf()), "internal-error");
      expect((await subject.reopened().read(SAMPLE_UUID))?.started).to.deep.equal(new Set([0]));
    });

    it("keeps domains apart", async () => {
      await subject.journal.begin(beginningOf(samplePlan(SAMPLE_UUID)));
      await subject.journal.begin(beginningOf(samplePlan(OTHER_UUID)));
      await subject.journal.started(OTHER_UUID, 1);
      await subject.journal.end(OTHER_UUID);
      const entry = await subject.reopened().read(SAMPLE_UUID);
      expect(entry?.started).to.deep.equal(new Set());
    });

    it("takes no mark for a plan that was not begun", async () => {
      const marks = [
        subject.journal.started(SAMPLE_UUID, 0),
        subject.journal.finished(SAMPLE_UUID, 0),
        subject.journal.made(SAMPLE_UUID, "/images/a", "1@2"),
      ];
      for (const result of await Promise.allSettled(marks))
        expect(result.status).to.equal("rejected");
      expect(await subject.reopened().read(SAMPLE_UUID)).to.equal(undefined);
    });
  });
}
