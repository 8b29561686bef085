import { constants, existsSync } from "node:fs";
import { lstat, open, type FileHandle } from "node:fs/promises";
import { hostname } from "node:os";

import { DomsnapError } from "../../core/errors/index.js";
import type { DomainLock, LockHolder, LockOptions } from "../../core/ports/index.js";
import { ensureStateFolder, readStateFile, removeTemporaries } from "../../host/state-files.js";
import { whileHolding } from "../../host/held-lock.js";
import { pollLock, type LockAttempt } from "../../host/poll-lock.js";
import { giveOpened, rightfulOwner } from "../../host/rightful-owner.js";
import { errnoOf, systemError } from "../../host/system-error.js";
import { TurnQueue } from "../../host/turn-queue.js";
import { endOrphan, findOrphans } from "./orphans.js";
import { domainFolder } from "./state-folder.js";

const { O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_RDWR } = constants;

const OWNER_LIMIT_BYTES = 1024;

/**
 * Locks a domain by an open-file-description lock (`F_OFD_SETLK`) of the kernel on
 * `STATE/UUID/lock`. Such a lock belongs to an open file: it goes away with its owner, however
 * that dies. Programs that work on images inherit the open file: when the owner is killed, nobody
 * begins to repair before they have ended as well. The file itself means nothing and stays; its
 * content tells people who the last owner was.
 */
export class KernelFileLock implements DomainLock {
  readonly #queue = new TurnQueue();

  constructor(private readonly stateFolder: string) {}

  async holder(domainUuid: string): Promise<LockHolder | undefined> {
    const { lock } = domainFolder(this.stateFolder, domainUuid);
    const handle = await openExisting(lock);
    if (!handle) return undefined;
    try {
      const { tryLock } = await import("fs-native-extensions");
      if (tryLock(handle.fd, { shared: true })) return undefined;
      const owner = readOwner(lock);
      const orphans = findOrphans(lock, owner).map(({ description }) => description);
      return {
        description: orphans[0] ?? owner,
        sinceMs: (await handle.stat()).mtimeMs,
        ...(orphans.length > 0 && { orphans }),
      };
    } catch (thrown) {
      throw systemError(thrown, `cannot look at lock file '${lock}'`);
    } finally {
      await handle.close();
    }
  }

  async endOrphans(domainUuid: string): Promise<void> {
    const { lock } = domainFolder(this.stateFolder, domainUuid);
    for (const orphan of findOrphans(lock, readOwner(lock))) await endOrphan(orphan);
  }

  async run<Result>(
    domainUuid: string,
    options: LockOptions,
    work: () => Promise<Result>,
  ): Promise<Result> {
    const { path, lock } = domainFolder(this.stateFolder, domainUuid);
    const deadlineMs = performance.now() + options.timeoutMs;
    return this.#queue.run(path, options, describeOwner("this process"), async () => {
      await ensureStateFolder(path);
      const handle = await pollLock(() => tryAcquire(lock), deadlineMs, options.signal);
      try {
        removeTemporaries(path);
        return await whileHolding([handle.fd], work);
      } finally {
        // Closing frees the lock.
        await handle.close();
      }
    });
  }
}

async function tryAcquire(path: string): Promise<LockAttempt<FileHandle>> {
  const handle = await openLockFile(path);
  try {
    if (await lockWhole(handle, path)) return { got: handle };
  } catch (thrown) {
    await handle.close();
    throw systemError(thrown, `cannot lock file '${path}'`);
  }
  await handle.close();
  return { refused: () => lockedBy(path) };
}

async function openLockFile(path: string): Promise<FileHandle> {
  try {
    const owner = existsSync(path) ? undefined : rightfulOwner(path);
    const handle = await open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600);
    giveOpened(handle.fd, owner);
    return handle;
  } catch (thrown) {
    throw systemError(thrown, `cannot lock file '${path}'`);
  }
}

async function openExisting(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch (thrown) {
    if (errnoOf(thrown) === "ENOENT") return undefined;
    throw systemError(thrown, `cannot look at lock file '${path}'`);
  }
}

async function lockWhole(handle: FileHandle, path: string): Promise<boolean> {
  // Native code: loaded by those who lock, not by those who only list.
  const { tryLock } = await import("fs-native-extensions");
  if (!tryLock(handle.fd)) return false;
  if (!(await isStillAt(handle, path))) return false;
  await handle.truncate();
  await handle.write(`process ${process.pid} on ${hostname()}\n`, 0);
  return true;
}

/** Whether the locked file is the one that others will find: somebody may have removed it. */
async function isStillAt(handle: FileHandle, path: string): Promise<boolean> {
  const ours = await handle.stat();
  const theirs = await lstat(path).catch(() => undefined);
  return theirs?.ino === ours.ino && theirs.dev === ours.dev;
}

function readOwner(path: string): string {
  try {
    const owner = readStateFile(path, OWNER_LIMIT_BYTES)?.trim();
    if (owner !== undefined && owner !== "") return owner;
  } catch {
    // The owner's name is a courtesy.
  }
  return "another process";
}

function lockedBy(path: string): DomsnapError {
  const owner = readOwner(path);
  const [orphan] = findOrphans(path, owner);
  if (!orphan) return new DomsnapError("locked", describeOwner(owner));
  return new DomsnapError("locked", describeOwner(orphan.description), {
    hint:
      "Wait for it, or run 'domsnap recover --end-orphans': that is safe, since recovery undoes or " +
      "repeats what it does.",
  });
}

function describeOwner(owner: string): string {
  return `the snapshots of the domain are being changed by ${owner}`;
}
