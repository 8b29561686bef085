import { randomBytes } from "node:crypto";

import { DomsnapError } from "../../core/errors/index.js";
import { isRecord } from "../json.js";
import type { XlDiskFormat } from "../xl-disk/index.js";

/** The image that a disk is to be on. */
export interface DiskChange {
  readonly vdev: string;
  readonly path: string;
  readonly format: XlDiskFormat;
}

/** More digits than a number of JavaScript holds exactly. */
const HUGE_NUMBER = /\d{16}/;
const GENERATION_ID_BYTES = 16;
const STRINGS = /"(?:[^"\\]|\\.)*"/gs;

/**
 * A libxl configuration (JSON) with other images for some disks. All else stays, also what is not
 * known here, in its order. Throws `invalid-argument` when it is not such a configuration or has
 * not exactly one disk of each name.
 */
export function changeConfigDisks(json: string, changes: readonly DiskChange[]): string {
  if (HUGE_NUMBER.test(json.replace(STRINGS, '""')))
    throw invalid("it holds numbers that would change on the way");
  const config = parse(json);
  const disks: unknown = isRecord(config) ? config["disks"] : undefined;
  const list = Array.isArray(disks) ? disks.filter(isRecord) : [];
  for (const { vdev, path, format } of changes) {
    const [disk, second] = list.filter((candidate) => candidate["vdev"] === vdev);
    if (!disk || second) throw invalid(`it has ${disk ? "several disks" : "no disk"} '${vdev}'`);
    Object.assign(disk, { pdev_path: path, format });
  }
  return JSON.stringify(config, undefined, 4);
}

/**
 * A libxl configuration with another generation id, if it has one: Windows' domain controllers take
 * a changed one for a sign that they were turned back (Virtual Machine Generation ID). Without one
 * it stays as it is.
 */
export function renewGenerationId(json: string): string {
  const config = parse(json);
  const build = isRecord(config) ? config["b_info"] : undefined;
  const hvm = isRecord(build) ? build["type.hvm"] : undefined;
  if (!isRecord(hvm) || !("ms_vm_genid" in hvm)) return json;
  hvm["ms_vm_genid"] = [...randomBytes(GENERATION_ID_BYTES)];
  return JSON.stringify(config, undefined, 4);
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (thrown) {
    throw invalid(thrown instanceof Error ? thrown.message : String(thrown));
  }
}

function invalid(reason: string): DomsnapError {
  return new DomsnapError(
    "invalid-argument",
    `the configuration of libxl cannot be changed: ${reason}`,
  );
}
