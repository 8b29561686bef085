import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";

import { DomsnapError } from "../core/errors/index.js";
import { syncFolder } from "./durable-files.js";
import { readStateFile, writeStateFiles, type StateFileContent } from "./state-files.js";
import { systemError } from "./system-error.js";

/** A file to write into an output folder, by its name there. */
export interface OutputFile {
  readonly name: string;
  readonly content: string;
}

/** No file that is written here is larger. */
export const OUTPUT_LIMIT_BYTES = 64 * 1024 * 1024;

/**
 * Writes files (0600) into a folder (0700), which is made with those above it. A file that is there
 * with the same content stays, so that an interrupted call is simply repeated; one with another
 * content is `image-conflict`, before anything is written. Durable. Gives the absolute paths.
 */
export async function writeOutput(
  folder: string,
  files: readonly OutputFile[],
  options: { readonly dryRun: boolean },
): Promise<string[]> {
  const missing = files.flatMap(({ name, content }): StateFileContent[] => {
    const path = join(folder, name);
    return isThere(path, content) ? [] : [{ path, content: () => content }];
  });
  if (!options.dryRun) {
    await makeFolder(folder);
    await writeStateFiles(missing);
  }
  return files.map(({ name }) => join(folder, name));
}

/** Makes a folder that only the caller may enter, durably; one that is there stays as it is. */
export async function makeFolder(folder: string): Promise<void> {
  try {
    const made = await mkdir(folder, { recursive: true, mode: 0o700 });
    if (made !== undefined) await syncFolder(dirname(made));
  } catch (thrown) {
    throw systemError(thrown, `cannot create folder '${folder}'`);
  }
}

function isThere(path: string, content: string): boolean {
  if (!existsSync(path)) return false;
  if (readStateFile(path, OUTPUT_LIMIT_BYTES) === content) return true;
  throw new DomsnapError("image-conflict", `file '${path}' exists with another content`, {
    hint: "Name an empty folder.",
  });
}
