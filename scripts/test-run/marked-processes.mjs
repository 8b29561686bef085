// Programs that a test has started, found by a mark in their environment: it is passed on to what
// they start in turn, also to a QEMU that has become a daemon in a session of its own.
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

const VARIABLE = "DOMSNAP_TEST_MARK";
const POLL_MS = 50;

/** For the environment of a program. It keeps the marks that we have ourselves. */
export function markEnvironment(mark) {
  return { [VARIABLE]: [process.env[VARIABLE], mark].filter(Boolean).join(" ") };
}

/** The living programs with this mark, `{ pid, words }`, without ourselves. */
export function markedProcesses(mark) {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => marksOf(pid).includes(mark))
    .map((pid) => ({
      pid: Number(pid),
      words: readProcess(pid, "cmdline").split("\0").join(" ").trim(),
    }));
}

/** Waits until none is left; gives those that are there after `ms`. */
export async function markedProcessesAfter(mark, ms) {
  const deadlineMs = performance.now() + ms;
  for (;;) {
    const left = markedProcesses(mark);
    if (left.length === 0 || performance.now() >= deadlineMs) return left;
    await sleep(POLL_MS);
  }
}

/** Ends them all at once, also those that they start meanwhile. */
export function killMarked(mark) {
  for (let left = markedProcesses(mark), round = 0; left.length > 0 && round < 10; round += 1) {
    for (const { pid } of left) killQuietly(pid);
    left = markedProcesses(mark);
  }
}

function marksOf(pid) {
  const variables = readProcess(pid, "environ").split("\0");
  const found = variables.find((variable) => variable.startsWith(`${VARIABLE}=`));
  return found?.slice(VARIABLE.length + 1).split(" ") ?? [];
}

function killQuietly(pid) {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}

/** Empty for a process that has ended, or that is not ours to look at. */
function readProcess(pid, name) {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "latin1");
  } catch {
    return "";
  }
}
