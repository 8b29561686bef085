import { realpath, stat, truncate } from "node:fs/promises";

import { DomsnapError } from "../core/errors/index.js";
import { temporaryName, type FileBefore, type ImageRef } from "../core/model/index.js";
import type { Evidence } from "../core/ports/index.js";
import {
  createExclusively,
  isVacant,
  publishDurably,
  renameDurably,
  syncFile,
  unlinkDurably,
  type FileOwner,
} from "./durable-files.js";
import { keepAttributes } from "./file-attributes.js";
import { identifyEntry, identifyFile, unlinkKnown } from "./file-identity.js";
import { probeFile } from "./probe-file.js";
import { systemError } from "./system-error.js";

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
 * Begins a file beside its final place, and tells the evidence which one it is; what this plan left
 * of an interrupted attempt is removed. A file that is to be replaced (`before` other than `absent`)
 * hands down all that says who may use it. Throws `system-error`, `image-missing` when the file to replace is
 * gone.
 */
export async function beginFile(
  path: string,
  before: FileBefore,
  made: { readonly owner: FileOwner; readonly mode?: number },
  evidence: Evidence,
): Promise<NewFile> {
  const place = before === "absent" ? { path, ...made } : await existingPlace(path);
  await dropPartial(path, evidence);
  const partial = partialPath(place.path, evidence);
  await createExclusively(partial, place);
  const identity = await identifyFile(partial);
  if (identity === undefined)
    throw new DomsnapError("system-error", `cannot stat file '${partial}': it is gone`);
  await evidence.record(path, identity);
  return newFile(path, before, place.path, evidence);
}

/** Goes on with a file that an earlier operation of the plan began and wrote. Throws as `beginFile`. */
export async function continueFile(
  path: string,
  before: FileBefore,
  evidence: Evidence,
): Promise<NewFile> {
  const place = before === "absent" ? path : (await existingPlace(path)).path;
  return newFile(path, before, place, evidence);
}

function newFile(path: string, before: FileBefore, place: string, evidence: Evidence): NewFile {
  const partial = partialPath(place, evidence);
  let published = false;
  return {
    partial,
    publish: async () => {
      await syncFile(partial);
      await assertOwn(partial, path, evidence);
      if (before === "absent") await publishNew(partial, path);
      else await replace(partial, path, place, before, evidence);
      published = true;
    },
    discard: async () => {
      if (!published) await unlinkKnown(partial, evidence.made(path));
    },
  };
}

/**
 * Takes back a file that `beginFile` and `publish` made: removes it, empties it if an empty one was
 * replaced by it, and leaves what was to be reused. Whatever else has its name by now stays.
 */
export async function unmakeFile(
  path: string,
  before: FileBefore,
  evidence: Evidence,
): Promise<void> {
  await dropPartial(path, evidence);
  if (before === "absent") await unlinkKnown(path, evidence.made(path));
  if (before === "empty" && (await isMade(path, evidence))) await emptyFile(path);
}

/** Whether the file that a name leads to was made for it by this plan. */
export async function isMade(path: string, evidence: Evidence): Promise<boolean> {
  const made = evidence.made(path);
  if (made.length === 0) return false;
  const identity = await identifyFile(path);
  return identity !== undefined && made.includes(identity);
}

/**
 * Throws `image-conflict` unless the place of a new file is as it was planned: to be asked before
 * the content is written, since `publish` refuses only afterwards.
 */
export async function assertPlace(file: Pick<ImageRef, "path">, before: FileBefore): Promise<void> {
  const fact = probeFile(file.path);
  if (before !== "absent" && (fact.kind === "block" || fact.kind === "other"))
    throw new DomsnapError("image-conflict", `'${file.path}' is not a regular file`, {
      hint: "Name a file in the document.",
    });
  const isTaken = {
    absent: !(await isVacant(file.path)),
    empty: fact.kind === "regular" && fact.sizeBytes > 0,
    reused: false,
  };
  if (isTaken[before]) throw fileExists(file);
}

/** The error for a new file in whose place another stands. */
export function fileExists(file: Pick<ImageRef, "path">): DomsnapError {
  return new DomsnapError("image-conflict", `file '${file.path}' already exists`, {
    hint: "Remove it, or name another file in the document.",
  });
}

/** Removes what an interrupted attempt of this plan to make a file left beside it. */
async function dropPartial(path: string, evidence: Evidence): Promise<void> {
  await dropOne(path, path, evidence);
  // A file that is replaced is replaced behind its links.
  const real = await realpath(path).catch(() => path);
  if (real !== path) await dropOne(path, real, evidence);
}

/** A partial file that the evidence does not know was made right before a crash: it is empty. */
async function dropOne(path: string, place: string, evidence: Evidence): Promise<void> {
  const partial = partialPath(place, evidence);
  if (await unlinkKnown(partial, evidence.made(path))) return;
  const fact = probeFile(partial);
  if (fact.kind === "regular" && fact.sizeBytes === 0) await unlinkDurably(partial);
}

async function assertOwn(partial: string, path: string, evidence: Evidence): Promise<void> {
  const identity = await identifyEntry(partial);
  if (identity !== undefined && evidence.made(path).includes(identity)) return;
  throw new DomsnapError(
    "operation-failed",
    `file '${partial}' was removed or replaced by another program before it was complete`,
    { hint: "Keep other programs from the folder, and repeat." },
  );
}

async function publishNew(partial: string, path: string): Promise<void> {
  if (!(await isVacant(path))) throw fileExists({ path });
  await publishDurably(partial, path);
}

async function replace(
  partial: string,
  path: string,
  place: string,
  before: FileBefore,
  evidence: Evidence,
): Promise<void> {
  await assertReplaceable(path, place, before, evidence);
  await keepAttributes(place, partial);
  // Another program took a moment.
  await assertReplaceable(path, place, before, evidence);
  try {
    await renameDurably(partial, place);
  } catch (error) {
    if (before === "empty" && (await isMade(path, evidence))) await emptyFile(path);
    throw error;
  }
}

/** The file to replace is still the one that the plan was made for, or empty where an empty one was. */
async function assertReplaceable(
  path: string,
  place: string,
  before: FileBefore,
  evidence: Evidence,
): Promise<void> {
  const fact = probeFile(place);
  if (before === "empty" && fact.kind === "regular" && fact.sizeBytes === 0) return;
  const known = [evidence.found(place), ...evidence.made(path)];
  if (before === "reused" && known.includes(await identifyFile(place))) return;
  throw fileExists({ path });
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
function partialPath(path: string, { token }: Evidence): string {
  return temporaryName(path, "partial", token);
}
