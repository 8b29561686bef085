import { expect } from "chai";

import { MergeConvergence } from "../../../src/qemu-images/live/merge-convergence.js";

const MIB = 1024 * 1024;

describe("a merge that gets no nearer to its end", () => {
  /** What is told in the course of a merge: bytes done and in all, MiB, every ten seconds. */
  const told = (course: readonly (readonly [done: number, total: number])[]) => {
    const convergence = new MergeConvergence("vda");
    return course.flatMap(
      ([done, total], round) => convergence.update(done * MIB, total * MIB, round * 10_000) ?? [],
    );
  };

  it("is told once, with numbers and a way out", () => {
    const course = Array.from(
      { length: 12 },
      (_, round) => [50 * round, 100 + 60 * round] as const,
    );
    const warnings = told(course);
    expect(warnings).to.have.length(1);
    expect(warnings[0]).to.include(
      "disk 'vda': the merge gets no nearer to its end: 100.0 MiB were left 30 s ago, " +
        "130.0 MiB are left now (the guest writes 6.0 MiB/s, the merge 5.0 MiB/s)",
    );
    expect(warnings[0]).to.include("press Ctrl-C: the guest goes on");
  });

  it("is not one that is slow, and not one that the guest only holds up for a while", () => {
    expect(told(Array.from({ length: 50 }, (_, round) => [round, 100]))).to.deep.equal([]);
    expect(
      told(Array.from({ length: 50 }, (_, round) => [10 * round, 100 + 9.5 * round + (round % 3)])),
    ).to.deep.equal([]);
  });

  it("does not count rounds that are shorter", () => {
    const convergence = new MergeConvergence("vda");
    for (let ms = 0; ms < 29_000; ms += 250)
      expect(convergence.update(0, 100 * MIB, ms)).to.equal(undefined);
  });
});
