// The tests on a real Xen host, emulated by QEMU (see scripts/xen-lab.mjs): builds a copy of the
// project, boots the lab once and runs test/xen/*.dom0.ts in dom0. Needs root and Debian.
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { ensureImages } from "../test/xen/lab/images.mjs";
import { quote, XenMachine } from "../test/xen/lab/machine.mjs";

const root = fileURLToPath(new URL("..", import.meta.url)).replace(/\/$/, "");
const SUITE_TIMEOUT_MS = 40 * 60_000;

for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(130));
const work = mkdtempSync(join(tmpdir(), "domsnap-xen-"));
process.once("exit", () => rmSync(work, { recursive: true, force: true }));
const project = join(work, "project");

await step("build", buildCopy);
const images = await step("images", () => ensureImages(join(root, ".cache", "xen-lab"), tell));
const machine = new XenMachine(join(work, "machine"));
// The copy finds its packages by a link, which leads to the same place in dom0.
const modules = join(root, "node_modules");
const shares = [project, modules].map((folder) => ({ folder, mount: folder, still: true }));
await step("boot", () => machine.boot(images, shares));
const status = await step("tests", () => runSuite(process.argv.slice(2)));
await step("power off", () => machine.powerOff());
tell(status === 0 ? "all tests passed" : `the tests failed with status ${status}`);
process.exitCode = status;

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
}

/** mocha in dom0, on bundles: compiling there would take longer than the tests. */
function runSuite(args) {
  const words = ["node", "node_modules/mocha/bin/mocha.js", "--no-config", "xen-tests/*.cjs"];
  return machine.run([...words, "--exit", "--color", ...args].map(quote).join(" "), {
    timeoutMs: SUITE_TIMEOUT_MS,
    cwd: project,
    onStdout: (data) => process.stdout.write(data),
    onStderr: (data) => process.stderr.write(data),
  });
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
