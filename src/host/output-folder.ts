import { readdirSync } from "node:fs";
import { mkdir, open } from "node:fs/promises";
import { dirname, join } from "node:path";

import { DomsnapError } from "../core/errors/index.js";
import { isTemporaryName, newToken, temporaryName } from "../core/model/index.js";
import {
  createExclusively,
  isVacant,
  publishAllDurably,
  renameDurably,
  syncFolder,
  unlinkDurably,
  type Publication,
} from "./durable-files.js";
import { readStateFile } from "./state-files.js";
import { systemError } from "./system-error.js";

/** A file to write into an output folder, by its name there. */
export interface OutputFile {
  readonly name: string;
  readonly content: string;
}

/** No file that is written here is larger. */
export const OUTPUT_LIMIT_BYTES = 64 * 1024 * 1024;
/** How many files are open at once. */
const MOST_OPEN = 64;
const PURPOSE = "tmp";
/** What follows a file's name while it is unfinished. */
const UNFINISHED = /\.domsnap-tmp-[0-9a-f]+$/;

/**
 * Writes files (0600) into a folder (0700), which is made with those above it. A file that is there
 * with the same content stays, so that an interrupted call is simply repeated; one with another
 * content is `image-conflict`, before anything is written, and none is ever replaced. Durable. Gives
 * the absolute paths.
 */
export async function writeOutput(
  folder: string,
  files: readonly OutputFile[],
  options: { readonly dryRun: boolean },
): Promise<string[]> {
  const all = files.map(({ name, content }) => ({ path: join(folder, name), content }));
  const missing: Output[] = [];
  for (const file of all) if (!(await isThere(file))) missing.push(file);
  if (!options.dryRun) {
    await makeFolder(folder);
    await publishOutput(missing);
  }
  return all.map(({ path }) => path);
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

/**
 * Writes a file that the caller knows as its own anew (0600): the old content or the new is there
 * after a crash, wholly. Throws `system-error`, `no-space`.
 */
export async function replaceOutput(path: string, content: string): Promise<void> {
  const temporary = await writeTemporary({ path, content });
  try {
    await renameDurably(temporary, path);
  } catch (thrown) {
    await unlinkDurably(temporary);
    throw thrown;
  }
}

/**
 * Removes what interrupted writers of files have left beside them: unfinished ones that hold nothing
 * but what their file is to hold, or held.
 */
export async function dropUnfinished(
  files: ReadonlyMap<string, (content: string) => boolean>,
): Promise<void> {
  for (const folder of new Set([...files.keys()].map((path) => dirname(path))))
    for (const name of namesIn(folder).filter(isTemporaryName)) {
      const leftover = join(folder, name);
      const isOurs = files.get(leftover.replace(UNFINISHED, ""));
      const content = isOurs && readStateFile(leftover, OUTPUT_LIMIT_BYTES);
      if (content !== undefined && isOurs?.(content) === true) await unlinkDurably(leftover);
    }
}

interface Output {
  readonly path: string;
  readonly content: string;
}

async function isThere({ path, content }: Output): Promise<boolean> {
  if (await isVacant(path)) return false;
  if (readStateFile(path, OUTPUT_LIMIT_BYTES) === content) return true;
  throw conflict(path);
}

function conflict(path: string): DomsnapError {
  return new DomsnapError("image-conflict", `file '${path}' exists with another content`, {
    hint: "Name an empty folder.",
  });
}

/** All are complete and flushed before the first gets its name. */
async function publishOutput(files: readonly Output[]): Promise<void> {
  await dropUnfinished(
    new Map(files.map(({ path, content }) => [path, (part) => content.startsWith(part)])),
  );
  const made: Publication[] = [];
  try {
    for (let at = 0; at < files.length; at += MOST_OPEN) {
      const writing = files.slice(at, at + MOST_OPEN).map(async (file) => {
        made.push({ from: await writeTemporary(file), to: file.path });
      });
      await Promise.allSettled(writing);
      await Promise.all(writing);
    }
    await publishAllDurably(made);
  } catch (thrown) {
    for (const { from } of made) await unlinkDurably(from);
    throw thrown;
  }
}

/** Under a name that nobody else has. */
async function writeTemporary({ path, content }: Output): Promise<string> {
  const temporary = temporaryName(path, PURPOSE, newToken());
  await createExclusively(temporary);
  try {
    const handle = await open(temporary, "w");
    try {
      await handle.writeFile(content);
      await handle.sync();
    } finally {
      await handle.close();
    }
    return temporary;
  } catch (thrown) {
    await unlinkDurably(temporary);
    throw systemError(thrown, `cannot write file '${path}'`);
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
