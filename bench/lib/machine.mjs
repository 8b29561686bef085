import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { cpus, loadavg, release, totalmem } from "node:os";

/** What the figures belong to. */
export function machineFacts() {
  const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url)));
  return {
    domsnap: version,
    node: process.versions.node,
    linux: release(),
    cpu: `${String(cpus().length)} x ${cpus()[0]?.model ?? "unknown"}`,
    memoryGib: Math.round(totalmem() / 2 ** 30),
    loadAtTheEnd: loadavg()[0],
  };
}

/** The version of a program, or undefined where it is not installed. */
export function toolVersion(command) {
  const { status, stdout } = spawnSync(command, ["--version"], { encoding: "utf8" });
  return status === 0 ? stdout.split("\n")[0].trim() : undefined;
}
