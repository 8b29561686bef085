// Lint, format, types and build, and then the tests: each file in a mocha of its own, as many at once
// as there are processors, the longest first. Steps of which one fails end the run before the tests.
//
//   npm test                              all of it
//   npm test -- test/core/** FILE...      some files, folders or patterns, without lint and the others
//   npm test -- --only-tests              all files, without lint and the others
//   npm test -- --jobs N                  so many files at once
//   npm test -- FILE --grep NAME          from the first unknown option on all words are mocha's
//
// The last line is for programs: `N passed, N failed`, with `, N skipped` where some were. A file
// that hangs, is killed or leaves programs running counts as a failed test. A signal ends the run
// and all that the tests have started; there is no such line then, and the status is 128 and the
// signal's number.
import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, constants, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ensureBuilt, keepBuilt } from "./ensure-built.mjs";
import { inTurn } from "./test-run/in-turn.mjs";
import { choosePatience } from "./test-run/machine-speed.mjs";
import { patience } from "./test-run/patience.cjs";
import { closingLine, tellFailures, tellFile, tellSlowest } from "./test-run/report.mjs";
import { runMarked } from "./test-run/run-marked.mjs";
import { runTestFile } from "./test-run/run-test-file.mjs";
import { chooseFiles, TestTimes } from "./test-run/test-files.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const FILE_LIMIT_MS = 10 * 60_000;
const STEP_LIMIT_MS = 5 * 60_000;
/** Of so few files all is shown. */
const FEW_FILES = 3;

const STEPS = [
  ["build", [process.execPath, "scripts/build.mjs", "--unchecked"]],
  ["lint", ["npx", "eslint", "."]],
  ["types", ["npx", "tsc", "--noEmit", "-p", "tsconfig.json"]],
  ["format", ["npx", "prettier", "--check", "--log-level", "warn", "."]],
];

const { words, options, jobs, onlyTests } = readArguments(process.argv.slice(2));
const files = chooseFiles(root, words);
const factor = choosePatience();

const folder = mkdtempSync(join(tmpdir(), "domsnap-tests-"));
process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
const stopping = new AbortController();
const stop = stopping.signal;
for (const signal of ["SIGHUP", "SIGINT", "SIGTERM"])
  process.on(signal, () => stopping.abort(signal));

const began = performance.now();
const results = [];
if (onlyTests) ensureBuilt();
const isSound = onlyTests || (await runSteps());
if (isSound && !stop.aborted) await runTests();
process.exitCode = conclude();

/** Gives whether all succeeded. */
async function runSteps() {
  const done = await inTurn(STEPS, jobs, stop, async ([name, command]) => {
    const log = join(folder, `${name}.log`);
    const limitMs = patience(STEP_LIMIT_MS);
    const ran = await runMarked(command, { cwd: root, log, limitMs, stop });
    const verdict = ran.status === 0 ? "ok" : "failed";
    console.log(`== ${name}: ${verdict}, ${ran.seconds.toFixed(1)} s`);
    if (ran.output.trim() !== "") console.log(ran.output.trimEnd());
    return ran.status === 0;
  });
  return done.length === STEPS.length && done.every(Boolean);
}

async function runTests() {
  keepBuilt();
  const times = new TestTimes(join(root, ".cache", "test-times.json"));
  const spec = files.length <= FEW_FILES;
  console.log(`== tests: ${files.length} files, ${jobs} at once, patience ${factor}`);
  const limits = { limitMs: patience(FILE_LIMIT_MS), stop };
  await inTurn([...times.inOrder(files).entries()], jobs, stop, async ([index, file]) => {
    const result = await runTestFile(file, { root, folder, index, options, spec, ...limits });
    // Of a file that was cut off nobody knows what it would have said.
    if (stop.aborted) return;
    results.push(result);
    tellFile(result, results.length, files.length);
  });
  if (options.length === 0) times.keep(results);
}

/** Gives the exit status. */
function conclude() {
  tellSlowest(results);
  tellFailures(results);
  console.log(`\n== ${((performance.now() - began) / 1000).toFixed(1)} s`);
  if (stop.aborted) {
    console.log(
      `== stopped by ${stop.reason}: ${results.length} of ${files.length} files had ended`,
    );
    return 128 + constants.signals[stop.reason];
  }
  if (!isSound) return 1;
  console.log(closingLine(results));
  return results.every(({ failed }) => failed === 0) ? 0 : 1;
}

function readArguments(given) {
  const result = { words: [], options: [], jobs: availableParallelism(), onlyTests: false };
  for (let word = given.shift(); word !== undefined; word = given.shift()) {
    if (word === "--only-tests") result.onlyTests = true;
    else if (word === "--jobs") result.jobs = Math.max(1, Number(given.shift()) || 1);
    else if (!word.startsWith("-")) result.words.push(word);
    else result.options.push(word, ...given.splice(0));
  }
  result.onlyTests ||= result.words.length > 0;
  return result;
}
