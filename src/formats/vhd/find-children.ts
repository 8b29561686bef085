import { readdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { isTemporaryName } from "../../core/model/index.js";
import type { ImageFiles } from "./image-files.js";
import { mayStandOn } from "./parent-link.js";

/**
 * Absolute paths of the VHDs that stand on an image, sorted: found in its folder and in those of
 * `candidates`. Files that cannot be read are passed over, and so are our own unfinished ones.
 */
export async function findChildren(
  files: ImageFiles,
  path: string,
  candidates: readonly string[] = [],
): Promise<string[]> {
  const target = await files.realPath(path);
  const folders = new Set([
    dirname(path),
    dirname(target),
    ...candidates.map((one) => dirname(one)),
  ]);
  const found: string[] = [];
  for (const folder of folders)
    for (const file of await listImages(folder))
      if (await mayStandOn(files, file, target).catch(() => false)) found.push(file);
  return found.sort();
}

async function listImages(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => entry.isFile() && !isTemporaryName(entry.name))
    .map((entry) => join(folder, entry.name));
}
