// The tests on real Xen hosts, emulated by QEMU (see test/xen/lab): builds a copy of the project,
// boots a host for each processor and runs the files test/xen/*.dom0.ts there, each on the next host
// that is free: an emulated host keeps one processor busy. Arguments are names of such files (all
// without), and then what mocha gets. Needs root and Debian.
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { availableParallelism, freemem, tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { ensureImages } from "../test/xen/lab/images.mjs";
import { quote, XenMachine } from "../test/xen/lab/machine.mjs";

const root = fileURLToPath(new URL("..", import.meta.url)).replace(/\/$/, "");
const FILE_TIMEOUT_MS = 30 * 60_000;
const HOST_BYTES = 3 * 1024 ** 3;
/** Those that take longest, to begin with. */
const LONGEST = ["xen-pv", "xen-faults"];

const words = process.argv.slice(2);
const firstOption = words.findIndex((word) => word.startsWith("-"));
const named = firstOption < 0 ? words : words.slice(0, firstOption);
const options = words.slice(named.length);

for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(130));
const work = mkdtempSync(join(tmpdir(), "domsnap-xen-"));
process.once("exit", () => rmSync(work, { recursive: true, force: true }));
const project = join(work, "project");

const suites = await step("build", buildCopy);
const images = await step("images", () => ensureImages(join(root, ".cache", "xen-lab"), tell));
const failed = [];
await step(`${suites.length} files of tests`, () => {
  const waiting = [...suites];
  const hosts = Math.min(suites.length, availableParallelism(), Math.floor(freemem() / HOST_BYTES));
  return Promise.all(
    Array.from({ length: Math.max(1, hosts) }, (_, index) => useHost(`host${index + 1}`, waiting)),
  );
});
tell(failed.length === 0 ? "all tests passed" : `failed: ${failed.join(", ")}`);
process.exitCode = failed.length === 0 ? 0 : 1;

/** Gives the names of the files of tests. */
async function buildCopy() {
  const listed = capture("git", ["ls-files", "-z", "-co", "--exclude-standard"]);
  for (const name of listed.split("\0").filter(Boolean)) {
    mkdirSync(dirname(join(project, name)), { recursive: true });
    cpSync(join(root, name), join(project, name), { errorOnExist: false, force: true });
  }
  symlinkSync(join(root, "node_modules"), join(project, "node_modules"));
  const built = spawnSync(process.execPath, ["scripts/build.mjs"], {
    cwd: project,
    stdio: "inherit",
  });
  if (built.status !== 0) throw new Error("the project does not build");
  const tests = readdirSync(join(project, "test/xen")).filter((name) => name.endsWith(".dom0.ts"));
  await build({
    absWorkingDir: project,
    entryPoints: tests.map((name) => join("test/xen", name)),
    outdir: "xen-tests",
    outExtension: { ".js": ".cjs" },
    bundle: true,
    platform: "node",
    target: "node20.19",
    format: "cjs",
    external: ["fs-native-extensions"],
    banner: { js: 'const __bundleUrl=require("node:url").pathToFileURL(__filename).href;' },
    define: { "import.meta.url": "__bundleUrl" },
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
    const status = await step(`${running} on ${name}`, () => runSuite(machine, running));
    if (status !== 0) failed.push(running);
  }
  await machine.powerOff();
}

/** mocha in dom0, on bundles: compiling there would take longer than the tests. */
function runSuite(machine, suite) {
  const mocha = ["node", "node_modules/mocha/bin/mocha.js", "--no-config"];
  const args = [`xen-tests/${suite}.dom0.cjs`, "--exit", "--slow", "0", "--color", ...options];
  const show = linesAfter(`${suite} | `);
  return machine.run([...mocha, ...args].map(quote).join(" "), {
    timeoutMs: FILE_TIMEOUT_MS,
    cwd: project,
    onStdout: show,
    onStderr: show,
  });
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

function capture(program, args) {
  const { status, stdout } = spawnSync(program, args, { cwd: root, encoding: "utf8" });
  if (status !== 0) throw new Error(`${program} ${args.join(" ")} failed`);
  return stdout;
}

function tell(text) {
  console.log(`== ${text}`);
}
