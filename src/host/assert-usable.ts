import { constants, readFileSync } from "node:fs";
import { lstat, open, realpath, rmdir, statfs } from "node:fs/promises";
import { dirname, join } from "node:path";

import { DomsnapError } from "../core/errors/index.js";
import { newToken, temporaryName, type Demand } from "../core/model/index.js";
import { readCopySource } from "./copy-file.js";
import { assertRoom, createExclusively, unlinkDurably, type SpaceNeed } from "./durable-files.js";
import { errnoOf, strerror, systemError } from "./system-error.js";

/**
 * Throws unless the host would let all of this be done, as things stand: `system-error` for what
 * cannot be changed (read-only, immutable, append-only, a mount point, a folder without the right to
 * it), `no-space` where a content does not fit or would be larger than a file may be. To ask whether a
 * file may be written is not enough, since root always may: so it is opened for writing, and nothing is
 * written. What is not there is left to others.
 */
export async function assertUsable(demands: readonly Demand[]): Promise<void> {
  const folders = new Set<string>();
  for (const demand of demands) await assertOne(demand, folders);
  await assertContents(demands.filter(hasContent));
}

async function assertOne({ place, use }: Demand, folders: Set<string>): Promise<void> {
  const entry = await lstat(place).catch(() => undefined);
  // A link is replaced behind itself, and removed as what it is.
  const real =
    entry?.isSymbolicLink() && use !== "remove" ? await realpath(place).catch(() => place) : place;
  const kind = entry?.isSymbolicLink() ? await lstat(real).catch(() => undefined) : entry;
  if (kind?.isBlockDevice() || (kind && use === "write")) return assertWritable(real);
  if (use === "make" || use === "replace") await assertFolder(dirname(real), folders);
  if (kind && !kind.isDirectory()) await assertMovable(real);
}

async function assertWritable(path: string): Promise<void> {
  const flags = constants.O_RDWR | constants.O_NONBLOCK | constants.O_NOCTTY;
  try {
    await (await open(path, flags)).close();
  } catch (thrown) {
    if (errnoOf(thrown) !== "ENOENT") throw refused(thrown, `cannot write to '${path}'`, path);
  }
}

/**
 * Whether a file's name could be taken from it. rmdir(2) asks all that unlink(2) and rename(2) ask,
 * and finds then that a file is no folder.
 */
async function assertMovable(path: string): Promise<void> {
  try {
    await rmdir(path);
  } catch (thrown) {
    const code = errnoOf(thrown);
    if (code !== "ENOTDIR" && code !== "ENOENT")
      throw refused(thrown, `cannot replace or remove '${path}'`, path);
  }
  if (mountPoints().has(await realpath(path).catch(() => path)))
    throw new DomsnapError(
      "system-error",
      `cannot replace or remove '${path}': it is a mount point`,
      {
        hint: `Run 'umount ${path}', or name the file that is mounted there itself in the definition.`,
      },
    );
}

/** Names in mountinfo have blanks, tabs, newlines and backslashes as octal numbers. */
function mountPoints(): Set<string> {
  const lines = readFileSync("/proc/self/mountinfo", "utf8").split("\n");
  return new Set(
    lines.map((line) =>
      (line.split(" ")[4] ?? "").replace(/\\([0-7]{3})/g, (_, code: string) =>
        String.fromCharCode(parseInt(code, 8)),
      ),
    ),
  );
}

/** A file without a name: nothing of it is left, however this ends. Node.js knows no word for it. */
const O_TMPFILE = 0o20000000 | constants.O_DIRECTORY;
const WITHOUT_TMPFILE: ReadonlySet<string | undefined> = new Set([
  "EOPNOTSUPP",
  "ENOTSUP",
  "EISDIR",
  "EINVAL",
]);

/** Throws unless a file can be made in a folder. One that is not there may be made yet. */
async function assertFolder(folder: string, asked: Set<string>): Promise<void> {
  if (asked.has(folder)) return;
  asked.add(folder);
  try {
    await (await open(folder, O_TMPFILE | constants.O_WRONLY, 0o600)).close();
  } catch (thrown) {
    const code = errnoOf(thrown);
    if (WITHOUT_TMPFILE.has(code)) return assertNameIn(folder);
    if (code !== "ENOENT" && code !== "ENOTDIR")
      throw refused(thrown, `cannot make a file in '${folder}'`, folder);
  }
}

async function assertNameIn(folder: string): Promise<void> {
  const path = temporaryName(join(folder, "probe"), "tmp", newToken());
  await createExclusively(path);
  await unlinkDurably(path);
}

type Filled = Demand & Required<Pick<Demand, "content">>;

function hasContent(demand: Demand): demand is Filled {
  return demand.content !== undefined;
}

async function assertContents(demands: readonly Filled[]): Promise<void> {
  const needs: SpaceNeed[] = [];
  for (const { place, content } of demands) {
    const source = "copyOf" in content ? await sizeOf(content.copyOf) : undefined;
    const written = "bytes" in content ? content.bytes : (source?.sizeBytes ?? 0);
    assertFileSize(place, written);
    const isDevice = (await sizeOf(place))?.type === "block";
    if (isDevice || (source && (await mayShare(dirname(place))))) continue;
    needs.push({ path: place, bytes: source ? source.allocatedBytes : written });
  }
  await assertRoom(needs);
}

function sizeOf(path: string) {
  return readCopySource(path).catch(() => undefined);
}

/** Throws `no-space` for a file that would be larger than this process may make one. */
export function assertFileSize(path: string, bytes: number): void {
  const limits = readFileSync("/proc/self/limits", "utf8");
  const limit = Number(/^Max file size\s+(\d+)/m.exec(limits)?.[1] ?? Infinity);
  if (bytes <= limit) return;
  throw new DomsnapError(
    "no-space",
    `not enough space for '${path}': ${bytes} bytes needed, and no file may have more than ${limit} bytes here`,
    { hint: "Run 'ulimit -f unlimited' first, or have the limit of the size of files raised." },
  );
}

/** Where files can share blocks (btrfs, XFS, bcachefs, OCFS2), a copy may take no room. */
const SHARING: ReadonlySet<number> = new Set([0x9123683e, 0x58465342, 0xca451a4e, 0x7461636f]);

async function mayShare(folder: string): Promise<boolean> {
  const facts = await statfs(folder).catch(() => undefined);
  return facts !== undefined && SHARING.has(facts.type);
}

function refused(thrown: unknown, what: string, path: string): DomsnapError {
  switch (errnoOf(thrown)) {
    case "EPERM":
      return new DomsnapError("system-error", `${what}: ${strerror(thrown)}`, {
        hint: `Run 'lsattr -d ${path} ${dirname(path)}' to see which is immutable (i) or append-only (a), and 'chattr -i -a' on it.`,
      });
    case "EROFS":
      return new DomsnapError("system-error", `${what}: ${strerror(thrown)}`, {
        hint: "Make the file system writable: 'mount -o remount,rw'.",
      });
    default:
      return systemError(thrown, what);
  }
}
