import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import type { ImageFormat, ImageRef } from "../../../src/core/model/index.js";
import type { DiskBackendFixture } from "../../../src/testing/disk-backend-contract.js";

const execute = promisify(execFile);

/** Runs a real program for a test; its failure is the test's. */
export async function exec(program: string, ...args: string[]): Promise<string> {
  return (await execute(program, args)).stdout;
}

/** Files that qemu-img made before, by format and content: most tests begin with the same. */
const madeBefore = new Map<string, Buffer>();

/** Plays the guest with QEMU's own tools; a raw image is its content. */
export const qemuImages: Omit<DiskBackendFixture, "backend"> = {
  async makeImage(path: string, format: ImageFormat, content: Buffer): Promise<ImageRef> {
    await writeFile(path, await convertRaw(format, content));
    return { path, type: "file", format };
  },
  readImage({ path, format }: ImageRef): Promise<Buffer> {
    if (format === "raw") return readFile(path);
    return withScratch(async (scratch) => {
      await exec("qemu-img", "convert", "-f", format, "-O", "raw", path, scratch);
      return readFile(scratch);
    });
  },
  async writeImage(image: ImageRef, byte: number): Promise<void> {
    await guestWrites(image, byte, 0, "64k");
  },
};

async function convertRaw(format: ImageFormat, content: Buffer): Promise<Buffer> {
  if (format === "raw") return content;
  const key = `${format} ${createHash("sha256").update(content).digest("hex")}`;
  const file =
    madeBefore.get(key) ??
    (await withScratch(async (scratch) => {
      await writeFile(scratch, content);
      await exec("qemu-img", "convert", "-f", "raw", "-O", format, scratch, `${scratch}.made`);
      return readFile(`${scratch}.made`);
    }));
  madeBefore.set(key, file);
  return file;
}

/** Fills a range of an image with one byte. */
export async function guestWrites(
  { path, format }: Pick<ImageRef, "path" | "format">,
  byte: number,
  offset: number,
  length: string,
): Promise<void> {
  await exec("qemu-io", "-f", format, "-c", `write -P ${byte} ${offset} ${length}`, path);
}

async function withScratch<Result>(work: (path: string) => Promise<Result>): Promise<Result> {
  const folder = await mkdtemp(join(tmpdir(), "domsnap-scratch-"));
  try {
    return await work(join(folder, "content.raw"));
  } finally {
    await rm(folder, { recursive: true });
  }
}
