import { writeFile } from "node:fs/promises";

import type { ImageFormat, ImageRef } from "../../../../src/core/model/index.js";
import { formatEmptyVhd } from "../../../../src/formats/vhd/index.js";
import { readAsGuest, writeAsGuest } from "./guest-vhd.js";

/** Images for the contract suite, and the guest that uses them. */
export const vhdImages = {
  async makeImage(path: string, format: ImageFormat, content: Buffer): Promise<ImageRef> {
    if (format === "raw") await writeFile(path, content);
    else {
      await makeDynamic(path, content.length);
      writeAsGuest(path, "vhd", 0, content);
    }
    return { path, type: "file", format };
  },

  readImage: ({ path, format }: ImageRef) => Promise.resolve(readAsGuest(path, format)),

  writeImage({ path, format }: ImageRef, byte: number): Promise<void> {
    writeAsGuest(path, format, 0, Buffer.alloc(64 * 1024, byte));
    return Promise.resolve();
  },
};

/** Writes an empty dynamic VHD. */
export async function makeDynamic(path: string, sizeBytes: number, uuid?: string): Promise<void> {
  const image = { sizeBytes, finalPath: path, ...(uuid === undefined ? {} : { uuid }) };
  await writeFile(path, formatEmptyVhd(image));
}
