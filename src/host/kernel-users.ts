import { readdirSync, readFileSync, statSync, type Stats } from "node:fs";
import { join } from "node:path";

/**
 * What of the kernel itself has an image open, in words for a message; undefined for nothing. These
 * are no processes and take no locks: loop devices, by `/sys/block/loop<N>/loop/backing_file` (as a
 * mount and Xen's file disks use them), and Xen's block backend, by
 * `/sys/bus/xen-backend/devices/vbd-<N>/physical_device`. A loop device that was made in another mount
 * namespace is found only if the image has the same path there.
 */
export function findKernelUser(path: string, sys = "/sys"): string | undefined {
  const stats = statOf(path);
  if (stats?.isFile()) return findLoopDevice(stats, sys);
  return stats?.isBlockDevice() ? findXenBackend(stats, sys) : undefined;
}

function findLoopDevice({ dev, ino }: Stats, sys: string): string | undefined {
  for (const name of namesIn(join(sys, "block"))) {
    if (!name.startsWith("loop")) continue;
    const backing = textOf(join(sys, "block", name, "loop", "backing_file"));
    const file = backing === undefined ? undefined : statOf(backing);
    if (file?.dev === dev && file.ino === ino) return `the loop device /dev/${name}`;
  }
  return undefined;
}

function findXenBackend({ rdev }: Stats, sys: string): string | undefined {
  const devices = join(sys, "bus/xen-backend/devices");
  const wanted = numbersOf(rdev);
  for (const name of namesIn(devices))
    if (textOf(join(devices, name, "physical_device")) === wanted)
      return `Xen's block backend (${name})`;
  return undefined;
}

/** As the backend prints them, in hexadecimal digits. */
function numbersOf(rdev: number): string {
  const device = BigInt(rdev);
  const major = ((device >> 8n) & 0xfffn) | ((device >> 32n) & ~0xfffn);
  const minor = (device & 0xffn) | ((device >> 12n) & ~0xffn);
  return `${major.toString(16)}:${minor.toString(16)}`;
}

function statOf(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").replace(/\n$/, "");
  } catch {
    // Most loop devices have no file.
    return undefined;
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    // Hosts without Xen have no such folder.
    return [];
  }
}
