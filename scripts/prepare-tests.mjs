// Installs what the tests need and is missing: npm packages, as root the Debian packages, and the
// guest that the tests run.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { ensureNodeModules } from "./ensure-built.mjs";
import { TEST_PACKAGES } from "./packages.mjs";

ensureNodeModules();
const missing = TEST_PACKAGES.filter(({ proof }) => !existsSync(proof)).map(({ name }) => name);
if (missing.length > 0) {
  if (process.getuid() !== 0) {
    console.error(
      `The tests need Debian packages that are not installed: ${missing.join(" ")}\n` +
        `Install them as root: apt-get install ${missing.join(" ")}`,
    );
    process.exit(1);
  }
  console.log(`Installing Debian packages for the tests: ${missing.join(" ")}`);
  apt(["update"]);
  apt(["install", "-y", "--no-install-recommends", ...missing]);
}
makeTinyGuest();

/** Its kernel is fetched with apt-get, which may not know the newest packages yet. */
function makeTinyGuest() {
  const script = fileURLToPath(new URL("make-tiny-guest.mjs", import.meta.url));
  const make = (errors) =>
    spawnSync(process.execPath, [script], { stdio: ["ignore", "ignore", errors] }).status === 0;
  if (make(process.getuid() === 0 ? "ignore" : "inherit")) return;
  if (process.getuid() !== 0) process.exit(1);
  apt(["update"]);
  if (!make("inherit")) process.exit(1);
}

function apt(args) {
  const { status } = spawnSync("apt-get", ["-q", ...args], {
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
  });
  if (status === 0) return;
  console.error(`apt-get ${args.join(" ")} failed; the tests need: ${missing.join(" ")}`);
  process.exit(1);
}
