import {
  closeSync,
  constants,
  fstatSync,
  fsync,
  lstatSync,
  openSync,
  readSync,
  readdirSync,
  renameSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { mkdir, open, rename, rm, unlink, type FileHandle } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";

import { DomsnapError } from "../core/errors/index.js";
import { syncFolder } from "./durable-files.js";
import { giveFolder, giveOpened, rightfulOwner } from "./rightful-owner.js";
import { errnoOf, systemError } from "./system-error.js";

/** What a file is called until it is complete; it has one writer at most, so the name is fixed. */
export const TEMPORARY_SUFFIX = ".new";

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;

const flush = promisify(fsync);

/**
 * Replaces a file of our own so that after a crash at any point the old or the new content is
 * there, wholly; when this returns, the new one outlives a power failure. Mode 0600; it belongs to whom
 * the old one or the folder does. No package
 * for atomic writes serves here: a link planted at `path` or at the temporary name must not be
 * followed, and leftovers must be told by their suffix. Throws `system-error` or `no-space`; the old content then stays.
 */
export async function writeStateFile(path: string, content: string): Promise<void> {
  const temporary = path + TEMPORARY_SUFFIX;
  try {
    const handle = await openNew(temporary);
    try {
      giveOpened(handle.fd, rightfulOwner(path));
      await handle.writeFile(content);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
  } catch (thrown) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw systemError(thrown, `cannot write file '${path}'`);
  }
  await syncFolder(dirname(path));
}

/** A file to write, by its absolute path. */
export interface StateFileContent {
  readonly path: string;
  /** Made when the file is written, so that not all contents are held at once. */
  readonly content: () => string;
}

/** How many files are open at once: enough to keep all threads of Node's pool flushing. */
const MOST_OPEN = 128;

/**
 * Replaces many files of one folder, each as `writeStateFile` does and in the order given. All are
 * flushed before the first gets its name, each while the next ones are written, and the folder once
 * at the end. Throws `system-error` or `no-space`; some files may then be new.
 */
export async function writeStateFiles(files: readonly StateFileContent[]): Promise<void> {
  const [first] = files;
  if (!first) return;
  let at = first.path;
  try {
    await writeTemporaries(files);
    for (const { path } of files) renameSync((at = path) + TEMPORARY_SUFFIX, path);
  } catch (thrown) {
    for (const { path } of files) rmSync(path + TEMPORARY_SUFFIX, { force: true });
    throw thrown instanceof DomsnapError ? thrown : cannotWrite(at, thrown);
  }
  await syncFolder(dirname(first.path));
}

function cannotWrite(path: string, thrown: unknown): DomsnapError {
  return systemError(thrown, `cannot write file '${path}'`);
}

/** When this returns or throws, nothing is at work on the files any more. */
async function writeTemporaries(files: readonly StateFileContent[]): Promise<void> {
  const flushes: Promise<void>[] = [];
  const failures: DomsnapError[] = [];
  for (const { path, content } of files) {
    const written = writeNew(path, content);
    flushes.push(written.catch((thrown: unknown) => void failures.push(cannotWrite(path, thrown))));
    if (flushes.length >= MOST_OPEN) await flushes.shift();
    if (failures.length > 0) break;
  }
  await Promise.all(flushes);
  const [failure] = failures;
  if (failure) throw failure;
}

/** Written by the time it returns, flushed by the time it resolves. */
async function writeNew(path: string, content: () => string): Promise<void> {
  const fd = openNewSync(path + TEMPORARY_SUFFIX);
  try {
    giveOpened(fd, rightfulOwner(path));
    writeFileSync(fd, content());
    await flush(fd);
  } finally {
    closeSync(fd);
  }
}

function openNewSync(path: string): number {
  const flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
  try {
    return openSync(path, flags, 0o600);
  } catch (thrown) {
    if (errnoOf(thrown) !== "EEXIST") throw thrown;
    // Left by a writer that died.
    unlinkSync(path);
    return openSync(path, flags, 0o600);
  }
}

/** Whether a writer that is at work or dead has left incomplete files. Throws `system-error`. */
export function hasTemporaries(folder: string): boolean {
  return temporariesIn(folder).length > 0;
}

/** Removes them. Only for one who knows that nobody writes there. Throws `system-error`. */
export function removeTemporaries(folder: string): void {
  for (const path of temporariesIn(folder))
    try {
      unlinkSync(path);
    } catch (thrown) {
      throw systemError(thrown, `cannot unlink file '${path}'`);
    }
}

function temporariesIn(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.name.endsWith(TEMPORARY_SUFFIX) && !entry.isDirectory())
      .map((entry) => join(folder, entry.name));
  } catch (thrown) {
    throw systemError(thrown, `cannot open directory '${folder}'`);
  }
}

async function openNew(path: string): Promise<FileHandle> {
  const flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
  try {
    return await open(path, flags, 0o600);
  } catch (thrown) {
    if (errnoOf(thrown) !== "EEXIST") throw thrown;
    // Left by a writer that died.
    await unlink(path);
    return open(path, flags, 0o600);
  }
}

/**
 * Makes a folder of our own (0700) and the missing ones above it. Throws `system-error`, also when
 * a symbolic link stands there: it could lead anywhere.
 */
export async function ensureStateFolder(path: string): Promise<void> {
  try {
    const made = await mkdir(path, { recursive: true, mode: 0o700 });
    if (made !== undefined) {
      for (const folder of foldersBetween(made, path)) giveFolder(folder);
      await syncFolder(dirname(made));
    }
  } catch (thrown) {
    throw systemError(thrown, `cannot create folder '${path}'`);
  }
  assertRealFolder(path);
}

/** A folder and those down to another one in it, the upper ones first. */
function foldersBetween(upper: string, lower: string): string[] {
  const folders = [lower];
  for (let one = lower; one !== upper && one !== dirname(one);)
    folders.unshift((one = dirname(one)));
  return folders;
}

/** Throws `system-error` when something is at `path` and is not a folder itself. */
export function assertRealFolder(path: string): void {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats && !stats.isDirectory())
    throw new DomsnapError("system-error", `'${path}' is not a folder`);
}

/**
 * The whole text of a file of our own; `undefined` when nothing is there. Throws `system-error`
 * for a link, for anything but a regular file, for one larger than `limitBytes`, and for bytes
 * that are not UTF-8.
 */
export function readStateFile(path: string, limitBytes: number): string | undefined {
  return readWhole(path, (file) => file.text(limitBytes));
}

/** The same, whatever the bytes are: a crash can cut a file off within a character. */
export function readStateBytes(path: string, limitBytes: number): Buffer | undefined {
  return readWhole(path, (file) => file.bytes(limitBytes));
}

function readWhole<Content>(
  path: string,
  read: (file: OpenStateFile) => Content,
): Content | undefined {
  try {
    return withStateFile(path, read);
  } catch (thrown) {
    if (errnoOf(thrown) === "ENOENT") return undefined;
    throw systemError(thrown, `cannot read file '${path}'`);
  }
}

/** An open regular file, of which as little is read as needed. */
export interface OpenStateFile {
  readonly sizeBytes: number;
  /** The first bytes, as text; a character that the cut goes through is spoilt. */
  head(lengthBytes: number): string;
  /** Everything. Throws when it is too much. */
  bytes(limitBytes: number): Buffer;
  /** Everything. Throws when it is too much or not UTF-8. */
  text(limitBytes: number): string;
}

/**
 * Opens a file for the duration of `work`: no link is followed, and a pipe planted under the name
 * does not block. Synchronous, as on a warm cache the thread pool costs more than the reading.
 * Throws the bare error of the system.
 */
export function withStateFile<Result>(path: string, work: (file: OpenStateFile) => Result): Result {
  const fd = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  try {
    const stats = fstatSync(fd);
    if (!stats.isFile()) throw new Error("it is not a regular file");
    const bytes = (limitBytes: number) => {
      if (stats.size > limitBytes) throw new Error(`it is larger than ${limitBytes} bytes`);
      return readBytes(fd, stats.size);
    };
    return work({
      sizeBytes: stats.size,
      head: (lengthBytes) => readBytes(fd, Math.min(lengthBytes, stats.size)).toString("utf8"),
      bytes,
      text: (limitBytes) => decode(bytes(limitBytes)),
    });
  } finally {
    closeSync(fd);
  }
}

function readBytes(fd: number, lengthBytes: number): Buffer {
  const buffer = Buffer.allocUnsafe(lengthBytes);
  let done = 0;
  while (done < lengthBytes) {
    const count = readSync(fd, buffer, done, lengthBytes - done, done);
    if (count === 0) break;
    done += count;
  }
  return buffer.subarray(0, done);
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function decode(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch (thrown) {
    throw new Error("it is not UTF-8 text", { cause: thrown });
  }
}
