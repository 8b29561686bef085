import type { XlDisk, XlDiskFormat } from "./xl-disk.js";

/** The hotplug script that lets a tapdisk serve a disk where Xen has no backend for it itself. */
const SCRIPT = /^(?:.*\/)?block-tap$/;
/** The script takes the driver of tapdisk from the front of the target. */
const TARGET = /^(?<driver>vhd|aio):(?<path>\/.*)$/s;

/**
 * A disk with `script=block-tap,target=vhd:/srv/a.vhd` as `backendtype=tap,format=vhd` would tell
 * it; any other disk as it is.
 */
export function readBlockTap(disk: XlDisk): XlDisk {
  const told = isBlockTap(disk) ? TARGET.exec(disk.target ?? "")?.groups : undefined;
  if (!told) return disk;
  const format = told["driver"] === "vhd" ? "vhd" : "raw";
  return { ...disk, backendType: "tap", format, target: told["path"] ?? "" };
}

/** The target of such a disk with another image. */
export function formatBlockTapTarget(path: string, format: XlDiskFormat): string {
  return `${format === "vhd" ? "vhd" : "aio"}:${path}`;
}

export function isBlockTap({ script, target = "" }: XlDisk): boolean {
  return script !== undefined && SCRIPT.test(script) && TARGET.test(target);
}
