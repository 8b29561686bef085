import { realpath, stat, truncate } from "node:fs/promises";

import { DomsnapError } from "../core/errors/index.js";
import type { ImageRef } from "../core/model/index.js";
import {
  createExclusively,
  isVacant,
  publishDurably,
  renameDurably,
  syncFile,
  unlinkDurably,
  type FileOwner,
} from "./durable-files.js";
import { probeFile } from "./probe-file.js";
import { systemError } from "./system-error.js";

/** What stood at the place of a new file when it was planned; see `SnapshotStep.fileBefore`. */
export type FileBefore = "absent" | "empty" | "reused";

/** A file in the making. It has another name until it is complete. */
export interface NewFile {
  /** Where the content goes: an empty file, private from its first moment. */
  readonly partial: string;
  /**
   * Flushes the content and gives the file its name in one step. A file that appeared meanwhile is
   * not replaced: `image-conflict`. When it throws, the place is as it was, if that can be.
   */
  publish(): Promise<void>;
  /** Gives up; safe to call at any time, also after `publish`. */
  discard(): Promise<void>;
}

/**
 * Begins a file beside its final place; remains of an interrupted attempt are removed. A file that
 * is to be replaced (`before` other than `absent`) hands down its owner and mode. Throws
 * `system-error`, `image-missing` when the file to replace is gone.
 */
export async function beginFile(
  path: string,
  before: FileBefore,
  made: { readonly owner: FileOwner; readonly mode?: number },
): Promise<NewFile> {
  const place = before === "absent" ? { path, ...made } : await existingPlace(path);
  const file = newFile(path, before, place.path);
  await unlinkDurably(file.partial);
  await createExclusively(file.partial, place);
  return file;
}

/** Goes on with a file that an earlier operation began and wrote. Throws as `beginFile`. */
export async function continueFile(path: string, before: FileBefore): Promise<NewFile> {
  return newFile(path, before, before === "absent" ? path : (await existingPlace(path)).path);
}

function newFile(path: string, before: FileBefore, place: string): NewFile {
  const partial = partialPath(place);
  let published = false;
  return {
    partial,
    publish: async () => {
      await syncFile(partial);
      if (before === "absent") await publishNew(partial, path);
      else await replace(partial, place, before);
      published = true;
    },
    discard: async () => {
      if (!published) await unlinkDurably(partial);
    },
  };
}

/**
 * Takes back a file that `beginFile` and `publish` made: removes it, empties it if it was empty
 * before, and leaves what was to be reused.
 */
export async function unmakeFile(path: string, before: FileBefore): Promise<void> {
  await dropPartial(path);
  if (before === "absent") await unlinkDurably(path);
  if (before === "empty") await emptyFile(path);
}

/** Removes what an interrupted attempt to make a file left beside it. */
export async function dropPartial(path: string): Promise<void> {
  await unlinkDurably(partialPath(path));
  // A file that is replaced is replaced behind its links.
  const real = await realpath(path).catch(() => path);
  if (real !== path) await unlinkDurably(partialPath(real));
}

/** The error for a new file in whose place another stands. */
export function fileExists(file: Pick<ImageRef, "path">): DomsnapError {
  return new DomsnapError("image-conflict", `file '${file.path}' already exists`, {
    hint: "Remove it, or name another file in the document.",
  });
}

async function publishNew(partial: string, path: string): Promise<void> {
  if (!(await isVacant(path))) throw fileExists({ path });
  await publishDurably(partial, path);
}

async function replace(partial: string, path: string, before: FileBefore): Promise<void> {
  try {
    await renameDurably(partial, path);
  } catch (error) {
    if (before === "empty") await emptyFile(path);
    throw error;
  }
}

async function existingPlace(
  path: string,
): Promise<{ path: string; owner: FileOwner; mode: number }> {
  try {
    const { uid, gid, mode } = await stat(path);
    return { path: await realpath(path), owner: { uid, gid }, mode: mode & 0o777 };
  } catch (error) {
    throw new DomsnapError("image-missing", systemError(error, `missing file '${path}'`).detail, {
      cause: error,
    });
  }
}

async function emptyFile(path: string): Promise<void> {
  if (probeFile(path).kind !== "regular") return;
  try {
    await truncate(path, 0);
  } catch (error) {
    throw systemError(error, `cannot empty file '${path}'`);
  }
  await syncFile(path);
}

/** The name that a file has while it is not complete. */
function partialPath(path: string): string {
  return `${path}.domsnap-partial`;
}
