import { spawnSync } from "node:child_process";

/**
 * Runs contestants in turn for a number of rounds, after one round that does not count. A
 * contestant is a function that does its work once; it may return the milliseconds itself, when
 * not all of it is to be counted. Gives the times of each in the order of the rounds.
 */
export async function interleave(contestants, rounds) {
  const times = Object.fromEntries(Object.keys(contestants).map((name) => [name, []]));
  for (let round = -1; round < rounds; round++) {
    for (const [name, work] of Object.entries(contestants)) {
      const began = performance.now();
      const counted = await work();
      if (round >= 0) times[name].push(counted ?? performance.now() - began);
    }
  }
  return times;
}

/** A contestant that runs a program to its end; throws when it fails. */
export function program(command, args, options = {}) {
  return () => {
    const { status, stderr, error } = spawnSync(command, args, {
      stdio: [options.input === undefined ? "ignore" : "pipe", "ignore", "pipe"],
      encoding: "utf8",
      ...options,
    });
    if (status === 0) return;
    throw new Error(`${command} ${args.join(" ")} failed: ${stderr || error?.message}`);
  };
}

/** Median, lowest and highest of some numbers. */
export function summary(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const median =
    sorted.length % 2 === 1
      ? sorted[Math.floor(middle)]
      : (sorted[middle - 1] + sorted[middle]) / 2;
  return { median, low: sorted[0], high: sorted.at(-1) };
}

/**
 * A row of the report: one contestant's times against those of another, round by round, so that a
 * slow phase of the machine hits both sides; `fastestRatio` is that of the best round of each, which
 * a busy machine disturbs least. `peerTimes` is missing for a peer that is absent. A goal is a
 * ratio, or `{ extraMs }`: how much longer it may take than the peer, whatever that takes.
 */
export function compare(subject, times, peer, peerTimes, goal) {
  const row = { subject, peer, medianMs: summary(times).median };
  if (peerTimes === undefined) return row;
  const { median, low, high } = summary(peerTimes);
  return {
    ...row,
    fastestRatio: summary(times).low / low,
    ratio: summary(times.map((time, round) => time / peerTimes[round])),
    extraMs: summary(times.map((time, round) => time - peerTimes[round])).median,
    peerMs: median,
    peerNoise: high / low,
    ...(goal !== undefined && { goal }),
  };
}
