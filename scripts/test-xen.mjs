// The tests on real Xen hosts, emulated by QEMU (see test/xen/lab): copies the built program, boots a
// host for each processor and runs the files test/xen/*.dom0.ts there, each on the next host that is
// free: an emulated host keeps one processor busy. Arguments are names of such files (all without),
// and then what mocha gets. Needs root and Debian. The last line is for programs, as that of
// run-tests.mjs.
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { availableParallelism, constants, freemem, tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { ensureImages } from "../test/xen/lab/images.mjs";
import { quote, XenMachine } from "../test/xen/lab/machine.mjs";
import { ensureBuilt } from "./ensure-built.mjs";
import { choosePatience } from "./test-run/machine-speed.mjs";
import { patience, PATIENCE_VARIABLE } from "./test-run/patience.cjs";
import { closingLine, tellFailures } from "./test-run/report.mjs";
import { parseTrail } from "./test-run/trail.mjs";

const root = fileURLToPath(new URL("..", import.meta.url)).replace(/\/$/, "");
const TRAIL_REPORTER = "scripts/test-run/trail-reporter.cjs";
const FILE_TIMEOUT_MS = 15 * 60_000;
const HOST_BYTES = 3 * 1024 ** 3;
/** Those that take longest, to begin with. */
const LONGEST = ["xen-pv", "xen-faults"];

const words = process.argv.slice(2);
const firstOption = words.findIndex((word) => word.startsWith("-"));
const named = firstOption < 0 ? words : words.slice(0, firstOption);
const options = words.slice(named.length);
const factor = choosePatience();

for (const signal of ["SIGHUP", "SIGINT", "SIGTERM"])
  process.once(signal, () => {
    tell(`stopped by ${signal}`);
    process.exit(128 + constants.signals[signal]);
  });
const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const work = mkdtempSync(join(tmpdir(), "domsnap-xen-"));
process.once("exit", () => rmSync(work, { recursive: true, force: true }));
const project = join(work, "project");

const suites = await step("build", copyProgram);
const images = await step("images", () => ensureImages(join(root, ".cache", "xen-lab"), tell));
const results = [];
await step(`${suites.length} files of tests`, () => {
  const waiting = [...suites];
  const hosts = Math.min(suites.length, availableParallelism(), Math.floor(freemem() / HOST_BYTES));
  return Promise.all(
    Array.from({ length: Math.max(1, hosts) }, (_, index) => useHost(`host${index + 1}`, waiting)),
  );
});
tellFailures(results);
console.log(closingLine(results));
process.exitCode = results.every(({ failed }) => failed === 0) ? 0 : 1;

/** Gives the names of the files of tests. */
async function copyProgram() {
  ensureBuilt();
  mkdirSync(project);
  for (const name of ["bin", "dist"])
    cpSync(join(root, name), join(project, name), { recursive: true });
  for (const name of ["package.json", TRAIL_REPORTER])
    copyFileSync(join(root, name), join(project, basename(name)));
  symlinkSync(join(root, "node_modules"), join(project, "node_modules"));
  const tests = readdirSync(join(root, "test/xen")).filter((name) => name.endsWith(".dom0.ts"));
  await build({
    absWorkingDir: root,
    entryPoints: tests.map((name) => join("test/xen", name)),
    outdir: join(project, "xen-tests"),
    outExtension: { ".js": ".cjs" },
    bundle: true,
    platform: "node",
    target: "node20.19",
    format: "cjs",
    external: ["fs-native-extensions"],
    banner: { js: 'const __bundleUrl=require("node:url").pathToFileURL(__filename).href;' },
    define: {
      "import.meta.url": "__bundleUrl",
      "process.env.DOMSNAP_VERSION": JSON.stringify(version),
    },
    logLevel: "warning",
  });
  const names = tests.map((name) => basename(name, ".dom0.ts"));
  const unknown = named.filter((name) => !names.includes(name));
  if (unknown.length > 0)
    throw new Error(`no such tests: ${unknown.join(", ")}; there are ${names.join(", ")}`);
  const all = [...LONGEST, ...names.filter((name) => !LONGEST.includes(name))];
  return named.length === 0 ? all : all.filter((name) => named.includes(name));
}

/** Boots a host, and runs there one file after the other of those that wait. */
async function useHost(name, waiting) {
  const machine = new XenMachine(join(work, name));
  // The copy finds its packages by a link, which leads to the same place in dom0.
  const modules = join(root, "node_modules");
  const shares = [project, modules].map((folder) => ({ folder, mount: folder, still: true }));
  await step(`boot of ${name}`, () => machine.boot(images, shares));
  for (let suite = waiting.shift(); suite !== undefined; suite = waiting.shift()) {
    const running = suite;
    results.push(await step(`${running} on ${name}`, () => resultOf(machine, running)));
  }
  await machine.powerOff();
}

/** The counts of a file and its failures. One that does not come to its end counts as a failure. */
async function resultOf(machine, suite) {
  const file = `${suite}.dom0.ts`;
  const failure = (message) => ({ title: "the file", message });
  try {
    const status = await runSuite(machine, suite);
    const counts = parseTrail(await textOf(machine, trailOf(suite)));
    const isWhole = counts.ended && (status === 0) === (counts.failed === 0);
    if (isWhole) return { ...counts, file };
    const failures = [...counts.failures, failure(`status ${status}, last in: ${counts.last}`)];
    return { ...counts, file, failures, failed: counts.failed + 1 };
  } catch (error) {
    // A host that has stopped runs nothing any more; each file that still comes to it fails as well.
    return { file, passed: 0, failed: 1, skipped: 0, failures: [failure(error.message)] };
  }
}

/** mocha in dom0, on bundles: compiling there would take longer than the tests. */
function runSuite(machine, suite) {
  const mocha = ["node", "node_modules/mocha/bin/mocha.js", "--no-config", "--exit"];
  const report = ["--reporter", `./${basename(TRAIL_REPORTER)}`, "--slow", "0", "--color"];
  const option = ["--reporter-option", `trail=${trailOf(suite)},spec=1`];
  const words = [...mocha, ...report, ...option, `xen-tests/${suite}.dom0.cjs`, ...options];
  const show = linesAfter(`${suite} | `);
  return machine.run(words.map(quote).join(" "), {
    timeoutMs: patience(FILE_TIMEOUT_MS),
    cwd: project,
    env: { [PATIENCE_VARIABLE]: factor },
    onStdout: show,
    onStderr: show,
  });
}

function trailOf(suite) {
  return `/tmp/${suite}.trail`;
}

async function textOf(machine, path) {
  let text = "";
  await machine.run(`cat ${quote(path)}`, {
    timeoutMs: patience(FILE_TIMEOUT_MS),
    onStdout: (data) => (text += data.toString()),
  });
  return text;
}

/** Shows what comes in whole lines, as two hosts talk at once. */
function linesAfter(prefix) {
  let rest = "";
  return (data) => {
    const lines = (rest + data.toString()).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) console.log(prefix + line);
  };
}

async function step(name, work) {
  const began = performance.now();
  tell(name);
  const result = await work();
  tell(`${name}: ${((performance.now() - began) / 1000).toFixed(1)} s`);
  return result;
}

function tell(text) {
  console.log(`== ${text}`);
}
