import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";

import { vhdImages } from "../../formats/vhd/support/vhd-images.js";
import { writeAsGuest } from "../../formats/vhd/support/guest-vhd.js";
import { CELL_BYTES, CELL_STEP_BYTES, DISK_BYTES, stampBytes } from "./cells.js";
import type { Image } from "./reading/images.js";

/** A file by its absolute path. */
export function imageNamed(path: string): Image {
  const suffix = path.slice(path.lastIndexOf(".") + 1);
  return { path, format: suffix === "raw" || suffix === "vhd" ? suffix : "qcow2" };
}

/** Makes an empty image; one that stands on another names it as it is given. */
export async function makeImage({ path, format }: Image, base?: Image): Promise<void> {
  if (format === "vhd" || format === "raw")
    await vhdImages.makeImage(path, format, Buffer.alloc(DISK_BYTES));
  else {
    const below = base ? ["-b", base.path, "-F", base.format] : [];
    run("qemu-img", ["create", "-q", "-f", format, ...below, path, String(DISK_BYTES)]);
  }
}

/** What a guest writes; `scratch` is a file for the while. */
export function writeCell(
  { path, format }: Image,
  cell: number,
  stamp: number,
  scratch: string,
): void {
  const offset = cell * CELL_STEP_BYTES;
  if (format !== "qcow2") return writeAsGuest(path, format, offset, stampBytes(stamp));
  writeFileSync(scratch, stampBytes(stamp));
  const write = `write -q -s ${scratch} ${String(offset)} ${String(CELL_BYTES)}`;
  run("qemu-io", ["-f", format, "-c", write, path]);
}

/** A disk of a definition. */
export interface NamedDisk extends Image {
  readonly target: string;
}

export function domainXml(name: string, uuid: string, disks: readonly NamedDisk[]): string {
  const texts = disks.map(
    ({ target, path, format }) =>
      `<disk type='file' device='disk'>` +
      `<driver name='${format === "vhd" ? "tap" : "qemu"}' type='${format}'/>` +
      `<source file='${path}'/>` +
      `<target dev='${target}' bus='${target.startsWith("sd") ? "scsi" : "virtio"}'/></disk>`,
  );
  return (
    `<domain type='xen'><name>${name}</name><uuid>${uuid}</uuid><memory unit='MiB'>64</memory>` +
    `<os><type>hvm</type></os><devices>${texts.join("")}</devices></domain>`
  );
}

function run(program: string, args: readonly string[]): void {
  execFileSync(program, args, { stdio: ["ignore", "pipe", "pipe"] });
}
