// Runs `npm ci` and the build where they are missing or older than the sources.
import { spawnSync } from "node:child_process";
import { existsSync, lstatSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

export function ensureNodeModules() {
  const modules = join(root, "node_modules");
  // npm would empty the folder that a link leads to, which is another checkout's.
  if (lstatSync(modules, { throwIfNoEntry: false })?.isSymbolicLink()) return;
  const installed = join(modules, ".package-lock.json");
  if (existsSync(installed) && newer(installed, join(root, "package-lock.json"))) return;
  run("npm", ["ci", "--no-audit", "--no-fund"]);
}

/** Set while tests run: what they use is not built anew below them when a source changes. */
const BUILT_VARIABLE = "DOMSNAP_TESTS_BUILT";

export function ensureBuilt() {
  if (process.env[BUILT_VARIABLE] !== undefined) return;
  ensureNodeModules();
  const built = join(root, "dist", "cli", "bundle", "main.cjs");
  if (existsSync(built) && statSync(built).mtimeMs >= newestSource()) return;
  run(process.execPath, ["scripts/build.mjs"]);
}

/** From now on what is built stays as it is, for us and what we start. */
export function keepBuilt() {
  process.env[BUILT_VARIABLE] = "1";
}

function newestSource() {
  const sources = readdirSync(join(root, "src"), { recursive: true, withFileTypes: true });
  return Math.max(
    statSync(join(root, "package.json")).mtimeMs,
    ...sources
      .filter((entry) => entry.isFile())
      .map((entry) => statSync(join(entry.parentPath, entry.name)).mtimeMs),
  );
}

function newer(file, than) {
  return statSync(file).mtimeMs >= statSync(than).mtimeMs;
}

function run(program, args) {
  const { status } = spawnSync(program, args, {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
  });
  if (status !== 0) throw new Error(`${program} ${args.join(" ")} failed`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) ensureBuilt();
