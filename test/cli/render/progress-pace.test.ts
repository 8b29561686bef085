import { expect } from "chai";

import { ProgressPace } from "../../../src/cli/render/progress-pace.js";

const MIB = 1024 * 1024;

describe("the pace of a piece of work", () => {
  const at = (
    pace: ProgressPace,
    seconds: number,
    mib: number,
    totalMib?: number,
    subject = "vda",
  ) =>
    pace.describe(
      {
        ...{ index: 0, subject, bytesDone: mib * MIB },
        ...(totalMib === undefined ? {} : { bytesTotal: totalMib * MIB }),
      },
      seconds * 1000,
    );

  it("is told after a second, with the time that is left", () => {
    const pace = new ProgressPace();
    expect(at(pace, 0, 0, 100)).to.equal("");
    expect(at(pace, 0.9, 5, 100)).to.equal("");
    expect(at(pace, 2, 20, 100)).to.equal(", 10.0 MiB/s, 8 s left");
    expect(at(pace, 3, 30, 1530)).to.equal(", 10.0 MiB/s, 2 min 30 s left");
    expect(at(pace, 4, 40, 40 + 36_600)).to.equal(", 10.0 MiB/s, 1 h 1 min left");
    expect(at(pace, 5, 50)).to.equal(", 10.0 MiB/s");
  });

  it("follows what the last ten seconds were like", () => {
    const pace = new ProgressPace();
    for (let second = 0; second <= 60; second++) at(pace, second, second * 10, 1000);
    for (let second = 61; second <= 75; second++) at(pace, second, 600 + (second - 60), 1000);
    expect(at(pace, 76, 616, 1000)).to.equal(", 1.0 MiB/s, 6 min 24 s left");
    for (let second = 77; second <= 90; second++) at(pace, second, 616, 1000);
    expect(at(pace, 91, 616, 1000)).to.equal(", stalled");
  });

  it("begins anew with each disk", () => {
    const pace = new ProgressPace();
    at(pace, 0, 0, 100);
    at(pace, 5, 100, 100);
    expect(at(pace, 6, 0, 100, "vdb")).to.equal("");
    expect(at(pace, 8, 10, 100, "vdb")).to.equal(", 5.0 MiB/s, 18 s left");
  });
});
