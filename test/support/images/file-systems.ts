import { mkdir } from "node:fs/promises";

import { exec } from "./qemu-images.js";

/** Runs `work` in a fresh xfs with reflinks, mounted from a file. Needs root. */
export async function withReflinkFolder<Result>(
  folder: string,
  work: (mounted: string) => Promise<Result>,
): Promise<Result> {
  const image = `${folder}/xfs.img`;
  const mounted = `${folder}/xfs`;
  await mkdir(mounted);
  await exec("truncate", "-s", "320M", image);
  await exec("mkfs.xfs", "-q", "-m", "reflink=1", image);
  await exec("mount", "-o", "loop", image, mounted);
  try {
    return await work(mounted);
  } finally {
    await exec("umount", mounted);
  }
}

/** Runs `work` in a file system of a few MiB. Needs root. */
export async function withSmallFolder<Result>(
  folder: string,
  sizeBytes: number,
  work: (mounted: string) => Promise<Result>,
): Promise<Result> {
  const mounted = `${folder}/small`;
  await mkdir(mounted);
  await exec("mount", "-t", "tmpfs", "-o", `size=${sizeBytes}`, "tmpfs", mounted);
  try {
    return await work(mounted);
  } finally {
    await exec("umount", mounted);
  }
}

/** Runs `work` with a file as a block device. Needs root. */
export async function withLoopDevice<Result>(
  file: string,
  work: (device: string) => Promise<Result>,
): Promise<Result> {
  const device = (await exec("losetup", "--find", "--show", "--", file)).trim();
  try {
    return await work(device);
  } finally {
    await exec("losetup", "--detach", device);
  }
}
