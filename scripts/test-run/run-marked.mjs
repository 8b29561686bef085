import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { killMarked, markEnvironment, markedProcessesAfter } from "./marked-processes.mjs";

/** What just ended may take so long to be gone. */
const LINGER_MS = 3000;
let count = 0;

/**
 * Runs a program to its end, in a group of its own, and gives `{ status, signal, timedOut, seconds,
 * output, left }`: `left` are programs that it started and that outlived it, which are ended. Aborting
 * `stop`, or passing `limitMs`, ends it with all that it started. What it prints goes to `log`.
 */
export async function runMarked([program, ...args], { cwd, env = {}, log, limitMs, stop }) {
  const mark = `${process.pid}-${Date.now()}-${(count += 1)}`;
  const began = performance.now();
  const file = openSync(log, "a", 0o600);
  const child = spawn(program, args, {
    cwd,
    env: { ...process.env, ...env, ...markEnvironment(mark) },
    stdio: ["ignore", file, file],
    detached: true,
  });
  closeSync(file);
  const kill = () => killMarked(mark);
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    kill();
  }, limitMs);
  stop.addEventListener("abort", kill);
  try {
    const [status, signal] = await once(child, "exit");
    const isCut = timedOut || stop.aborted;
    const left = await markedProcessesAfter(mark, isCut ? 0 : LINGER_MS);
    kill();
    const seconds = (performance.now() - began) / 1000;
    return { status, signal, timedOut, seconds, left, output: readFileSync(log, "utf8") };
  } finally {
    clearTimeout(timer);
    stop.removeEventListener("abort", kill);
  }
}
