// Lint, types, build and all tests, one after the other; stops at the first that fails.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const steps = [
  ["lint", "npx", ["eslint", "."]],
  ["format", "npx", ["prettier", "--check", "--log-level", "warn", "."]],
  ["types", "npx", ["tsc", "--noEmit", "-p", "tsconfig.json"]],
  ["build", process.execPath, ["scripts/build.mjs"]],
  ["tests", "npx", ["mocha", "test/**/*.test.ts", ...process.argv.slice(2)]],
];

for (const [name, program, args] of steps) {
  const began = performance.now();
  console.log(`\n== ${name}`);
  const { status } = spawnSync(program, args, {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
  });
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  if (status !== 0) {
    console.error(`== ${name} failed after ${seconds} s`);
    process.exit(status ?? 1);
  }
  console.log(`== ${name}: ok, ${seconds} s`);
}
