// A Xen 4.17 host for tests, emulated by QEMU: no Xen and no virtualization needed, root is.
//
//   node scripts/xen-lab.mjs run [OPTIONS] -- COMMAND...   boot, run a command in dom0, power off
//   node scripts/xen-lab.mjs up [OPTIONS]                  boot, and leave it running
//   node scripts/xen-lab.mjs exec [OPTIONS] -- COMMAND...  run a command in the one left running
//   node scripts/xen-lab.mjs down                          power that one off
//
//   --share FOLDER[:MOUNT]   let dom0 see a folder (by default under its own path); repeatable
//   --cwd FOLDER             where in dom0 the command starts
//   --timeout SECONDS        for the command, 600 by default; its status is then 124
//
// The command's output and exit status are passed on. A COMMAND of one word is a line of bash.
// This project is always shared under its own path. Images are kept in .cache/xen-lab.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { ensureImages } from "../test/xen/lab/images.mjs";
import { quote, XenMachine } from "../test/xen/lab/machine.mjs";

const root = fileURLToPath(new URL("..", import.meta.url)).replace(/\/$/, "");
const cache = join(root, ".cache", "xen-lab");

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    share: { type: "string", multiple: true, default: [] },
    cwd: { type: "string", default: root },
    timeout: { type: "string", default: "600" },
  },
});
const [verb, ...command] = positionals;

for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(130));

switch (verb) {
  case "run":
    process.exitCode = await bootAndRun();
    break;
  case "up":
    await boot(new XenMachine(join(cache, "machine")), { attached: false });
    break;
  case "exec":
    process.exitCode = await execute(new XenMachine(join(cache, "machine")));
    break;
  case "down":
    await new XenMachine(join(cache, "machine")).powerOff();
    break;
  default:
    console.error("usage: node scripts/xen-lab.mjs run|up|exec|down; see the head of the script");
    process.exitCode = 2;
}

async function bootAndRun() {
  const folder = mkdtempSync(join(tmpdir(), "xen-lab-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  const machine = new XenMachine(join(folder, "machine"));
  await boot(machine, { attached: true });
  try {
    return await execute(machine);
  } finally {
    await machine.powerOff();
  }
}

async function boot(machine, options) {
  const images = ensureImages(cache, tell);
  const began = performance.now();
  const shares = [root, ...values.share].map((share) => {
    const [folder, mount] = share.split(":");
    return { folder: resolve(folder), mount: mount ?? resolve(folder) };
  });
  await machine.boot(images, shares, options);
  tell(`dom0 ready after ${((performance.now() - began) / 1000).toFixed(1)} s`);
}

function execute(machine) {
  return machine.run(command.length === 1 ? command[0] : command.map(quote).join(" "), {
    timeoutMs: Number(values.timeout) * 1000,
    cwd: values.cwd,
    onStdout: (data) => process.stdout.write(data),
    onStderr: (data) => process.stderr.write(data),
  });
}

function tell(text) {
  console.error(`xen-lab: ${text}`);
}
