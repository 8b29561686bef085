import { expect } from "chai";
import fc from "fast-check";

import {
  chooseRetained,
  labelsOf,
  RETENTION_RULES,
  type RetentionPolicy,
} from "../../../src/core/rules/index.js";

const YEAR_SECONDS = 366 * 86_400;
const START_SECONDS = 1_700_000_000;

const times = fc.array(fc.nat(2 * YEAR_SECONDS), { maxLength: 60 });
const policies: fc.Arbitrary<RetentionPolicy> = fc.record(
  {
    last: fc.nat(10),
    hourly: fc.nat(10),
    daily: fc.nat(10),
    weekly: fc.nat(10),
    monthly: fc.nat(10),
  },
  { requiredKeys: [] },
);

const candidates = (seconds: readonly number[]) =>
  seconds.map((second, at) => ({ name: `s${at}`, creationTime: BigInt(START_SECONDS + second) }));
const kept = (seconds: readonly number[], policy: RetentionPolicy) =>
  chooseRetained(candidates(seconds), policy).filter(({ keptBy }) => keptBy.length > 0);

/** How the same is said by the calendar of ICU. */
const local = (seconds: number, options: Intl.DateTimeFormatOptions) =>
  new Intl.DateTimeFormat("en-CA", options).format((START_SECONDS + seconds) * 1000);
const day = { year: "numeric", month: "2-digit", day: "2-digit" } as const;
const DISTINCT: Readonly<Record<string, (seconds: number) => string>> = {
  hourly: (seconds) =>
    local(seconds, { ...day, hour: "2-digit", hourCycle: "h23", timeZoneName: "longOffset" }),
  daily: (seconds) => local(seconds, day),
  monthly: (seconds) => local(seconds, { year: "numeric", month: "2-digit" }),
};

describe("chooseRetained", () => {
  it("keeps exactly the newest N", () => {
    fc.assert(
      fc.property(times, fc.nat(20), (seconds, last) => {
        const names = kept(seconds, { last }).map(({ creationTime }) => creationTime);
        const newest = candidates(seconds)
          .map(({ creationTime }) => creationTime)
          .sort((a, b) => Number(b - a));
        expect(names).to.deep.equal(newest.slice(0, last));
      }),
    );
  });

  for (const [rule, bucket] of Object.entries(DISTINCT))
    it(`keeps exactly N with keep-${rule}, or as many as there are`, () => {
      fc.assert(
        fc.property(times, fc.nat(20), (seconds, count) => {
          const distinct = new Set(seconds.map(bucket));
          expect(kept(seconds, { [rule]: count })).to.have.lengthOf(Math.min(count, distinct.size));
        }),
      );
    });

  it("keeps what any rule keeps, and nothing else", () => {
    fc.assert(
      fc.property(times, policies, (seconds, policy) => {
        const single = RETENTION_RULES.flatMap((rule) =>
          kept(seconds, { [rule]: policy[rule] ?? 0 }).map(({ name }) => name),
        );
        expect(kept(seconds, policy).map(({ name }) => name)).to.have.members([...new Set(single)]);
      }),
    );
  });

  it("deletes nothing more when it is done again", () => {
    fc.assert(
      fc.property(times, policies, (seconds, policy) => {
        const once = kept(seconds, policy);
        const again = chooseRetained(once, policy).filter(({ keptBy }) => keptBy.length > 0);
        expect(again.map(({ name }) => name)).to.deep.equal(once.map(({ name }) => name));
      }),
    );
  });

  it("begins a week on Monday", () => {
    // Sunday and Monday at noon, in any time zone of the test.
    const noon = (dayOfMonth: number) =>
      new Date(2026, 10, dayOfMonth, 12).getTime() / 1000 - START_SECONDS;
    expect(kept([noon(22), noon(23)], { weekly: 5 })).to.have.lengthOf(2);
    expect(kept([noon(23), noon(29)], { weekly: 5 })).to.have.lengthOf(1);
  });
});

describe("labelsOf", () => {
  it("reads whole lines of the description", () => {
    const description = "before the upgrade\n  label: nightly \nlabel:off site\nno label: here";
    expect(labelsOf({ description })).to.deep.equal(["nightly", "off site"]);
    expect(labelsOf({})).to.deep.equal([]);
    expect(labelsOf({ description: "label: " })).to.deep.equal([]);
  });
});
