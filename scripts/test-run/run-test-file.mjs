import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseTrail } from "./trail.mjs";
import { runMarked } from "./run-marked.mjs";

const reporter = fileURLToPath(new URL("trail-reporter.cjs", import.meta.url));

/**
 * Runs one file of tests in a mocha of its own. Gives its counts, its `failures` with reasons, its
 * `seconds` and what it has printed. A file that does not come to its end counts as one failure.
 */
export async function runTestFile(file, { root, folder, index, options, spec, ...limits }) {
  const trail = join(folder, `${index}.trail`);
  const mocha = ["--import", "tsx/esm", "node_modules/mocha/bin/_mocha", "--reporter", reporter];
  const report = ["--reporter-option", [`trail=${trail}`, ...(spec ? ["spec=1"] : [])].join(",")];
  const ran = await runMarked([process.execPath, ...mocha, ...report, ...options, file], {
    ...limits,
    cwd: root,
    log: join(folder, `${index}.log`),
  });
  const counts = parseTrail(existsSync(trail) ? readFileSync(trail, "utf8") : "");
  const wrong = whatIsWrong(ran, counts);
  const failures = wrong === undefined ? counts.failures : [...counts.failures, wrong];
  const failed = counts.failed + (wrong === undefined ? 0 : 1);
  return { ...counts, file, failed, failures, seconds: ran.seconds, output: ran.output };
}

/** What is wrong beside tests that failed, as a failure of its own. */
function whatIsWrong({ status, signal, timedOut, seconds, left }, { ended, failed, last }) {
  const where = last === undefined ? "before its first test" : `in: ${last}`;
  const title = `the file, ${where}`;
  if (timedOut) return { title, message: `did not end within ${Math.round(seconds)} s; killed` };
  if (signal !== null && !ended) return { title, message: `killed by ${signal}` };
  if (!ended) return { title, message: `ended with status ${status} before all tests had run` };
  if (left.length > 0) {
    const programs = left.map(({ pid, words }) => `${words.slice(0, 200)} (${pid})`);
    return { title: "the file", message: `leaves running: ${programs.join("; ")}` };
  }
  if (failed === 0 && status !== 0)
    return { title: "the file", message: `ended with ${signal ?? `status ${status}`}` };
  return undefined;
}
