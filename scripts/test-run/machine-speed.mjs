import { spawnSync } from "node:child_process";
import { DEFAULT_FACTOR, PATIENCE_VARIABLE } from "./patience.cjs";

/** What the start of node takes on the machine that the limits of the tests were chosen on. */
const USUAL_MS = 60;
const ROUNDS = 3;
const SLOWEST = 20;

/** Sets the factor of all limits, for us and what we start, unless it is given. Gives it. */
export function choosePatience() {
  return (process.env[PATIENCE_VARIABLE] ??= (DEFAULT_FACTOR * slowdown()).toFixed(1));
}

/** How many times slower this machine is now than the usual one; never below 1. */
function slowdown() {
  const rounds = Array.from({ length: ROUNDS }, startMs);
  return Math.min(SLOWEST, Math.max(1, Math.min(...rounds) / USUAL_MS));
}

function startMs() {
  const began = performance.now();
  spawnSync(process.execPath, ["-e", "0"], { stdio: "ignore" });
  return performance.now() - began;
}
