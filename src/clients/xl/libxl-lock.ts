import { constants } from "node:fs";
import { open, stat, unlink, type FileHandle } from "node:fs/promises";

import { DomsnapError } from "../../core/errors/index.js";
import { runTool } from "../../host/run-tool.js";
import { systemError } from "../../host/system-error.js";

/** libxl holds the lock for the blink of an eye. */
const TIMEOUT_SECONDS = 20;
/** flock(1)'s answer when the time is over. */
const HELD_BY_OTHERS = 1;

/**
 * Works under one of libxl's locks (Xen: libxl__lock_file): flock(2) on a file that its last owner
 * unlinks, so that a lock counts only while the path still leads to the locked file. The lock goes
 * with this process. Throws `locked` when somebody holds it for long, and `system-error`.
 */
export async function withLibxlLock<Result>(
  path: string,
  work: () => Promise<Result>,
): Promise<Result> {
  const handle = await acquire(path);
  try {
    return await work();
  } finally {
    // In libxl's order: who waits for the file finds it gone and begins anew.
    await unlink(path).catch(() => undefined);
    await handle.close();
  }
}

async function acquire(path: string): Promise<FileHandle> {
  for (;;) {
    const handle = await openLockFile(path);
    try {
      await lock(handle, path);
      if (await isStillAt(handle, path)) return handle;
    } catch (thrown) {
      await handle.close();
      throw systemError(thrown, `cannot lock file '${path}'`);
    }
    await handle.close();
  }
}

async function openLockFile(path: string): Promise<FileHandle> {
  try {
    return await open(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o666);
  } catch (thrown) {
    throw systemError(thrown, `cannot lock file '${path}'`);
  }
}

/** Node has no flock(2). A lock belongs to the open file, which the program shares with us. */
async function lock({ fd }: FileHandle, path: string): Promise<void> {
  const { exitStatus } = await runTool("flock", ["-x", "-w", `${TIMEOUT_SECONDS}`, "3"], {
    descriptor: fd,
    answerStatuses: [0, HELD_BY_OTHERS],
  });
  if (exitStatus === HELD_BY_OTHERS)
    throw new DomsnapError("locked", `libxl has locked '${path}' for ${TIMEOUT_SECONDS} seconds`, {
      hint: "Repeat when no other program is changing the devices of this guest.",
    });
}

async function isStillAt(handle: FileHandle, path: string): Promise<boolean> {
  const ours = await handle.stat();
  const theirs = await stat(path).catch(() => undefined);
  return theirs?.ino === ours.ino && theirs.dev === ours.dev;
}
