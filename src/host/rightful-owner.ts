import { closeSync, constants, fchownSync, lstatSync, openSync } from "node:fs";
import { dirname } from "node:path";

import type { FileOwner } from "./durable-files.js";
import { errnoOf } from "./system-error.js";

/**
 * Whose a file has to be that we put at a path: the owner's of the one that it replaces, else that of its
 * folder. So root can work in the folders of a user, who goes on there afterwards. Undefined where
 * it is ours anyway, and for all but root, who cannot give files away.
 */
export function rightfulOwner(path: string): FileOwner | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const replaced = lstatSync(path, { throwIfNoEntry: false });
  const like = replaced?.isFile() ? replaced : lstatSync(dirname(path), { throwIfNoEntry: false });
  return like && like.uid !== 0 ? { uid: like.uid, gid: like.gid } : undefined;
}

/** Gives an open file away, where there is somebody to give it to and the file system lets us. */
export function giveOpened(fd: number, owner: FileOwner | undefined): void {
  if (!owner) return;
  try {
    fchownSync(fd, owner.uid, owner.gid);
  } catch (error) {
    // Of a share that takes root for nobody everything is its server's.
    if (errnoOf(error) !== "EPERM") throw error;
  }
}

/** Gives a folder that was just made to whom its parent belongs; follows no link. */
export function giveFolder(path: string): void {
  const owner = rightfulOwner(path);
  if (!owner) return;
  const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants;
  const fd = openSync(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  try {
    giveOpened(fd, owner);
  } finally {
    closeSync(fd);
  }
}
