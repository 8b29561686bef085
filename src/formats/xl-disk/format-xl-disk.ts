import { DomsnapError } from "../../core/errors/index.js";
import type { XlDisk } from "./xl-disk.js";

/**
 * A disk specification with every parameter named and the target last, where it may hold commas
 * and blanks. xl reads the same disk from it. Throws `invalid-argument` for what the syntax cannot
 * carry: a line end in the target, a comma or line end in another value.
 */
export function formatXlDisk(disk: XlDisk): string {
  const { others = {} } = disk;
  const parameters = [
    pair("format", disk.format),
    pair("vdev", disk.vdev),
    pair("access", disk.writable ? "rw" : "ro"),
    pair("backendtype", disk.backendType),
    disk.cdrom ? "devtype=cdrom" : undefined,
    pair("script", disk.script),
    disk.discard === undefined ? undefined : disk.discard ? "discard" : "no-discard",
    disk.directIoSafe ? "direct-io-safe" : undefined,
    pair("backend", disk.backendDomain),
    pair("specification", disk.specification),
    ...Object.entries(others).map(([name, value]) =>
      typeof value === "string" ? pair(name, value) : flag(name, value),
    ),
    target(disk.target),
  ];
  return parameters.filter((parameter) => parameter !== undefined).join(",");
}

function pair(name: string, value: string | undefined): string | undefined {
  if (value === undefined) return undefined;
  if (/[,\n]/.test(value)) throw unwritable(name, value);
  return `${name}=${value}`;
}

function flag(name: string, on: boolean): string {
  if (name === "grant_usage") return `${name}=${on ? "1" : "0"}`;
  if (name === "trusted") return on ? "trusted" : "untrusted";
  return on ? name : `no-${name}`;
}

/** xl drops one comma at the end. */
function target(path: string | undefined): string | undefined {
  if (path === undefined) return undefined;
  if (path.includes("\n")) throw unwritable("target", path);
  return `target=${path}${path.endsWith(",") ? "," : ""}`;
}

function unwritable(name: string, value: string): DomsnapError {
  return new DomsnapError(
    "invalid-argument",
    `the ${name} '${value}' cannot be written in a disk specification`,
  );
}
