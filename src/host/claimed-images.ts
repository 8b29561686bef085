import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { lstat, mkdir, open, type FileHandle } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";

import { DomsnapError } from "../core/errors/index.js";
import type { ImageClaim, ImageLocks, ImageUser, LockOptions } from "../core/ports/index.js";
import { whileHolding } from "./held-lock.js";
import { pollLock, type LockAttempt } from "./poll-lock.js";
import { systemError } from "./system-error.js";

/** What is known of an image is written at once, over what was. */
const NOTE_BYTES = 2048;
const MAX_NAME_CHARS = 400;

/** When an image was used last in one way, and by whom. */
interface LastUse {
  /** It has ended in good order. */
  readonly ended: boolean;
  readonly at: string;
  readonly token: string;
}

interface Note {
  readonly exclusive?: LastUse;
  /** The last two who shared it: the last but for whoever asks is among them. */
  readonly shared?: readonly LastUse[];
  readonly holder?: string;
}

interface Held {
  readonly claim: ImageClaim;
  readonly handle: FileHandle;
}

/**
 * Open-file-description locks of the kernel on a file for each image, in a folder that all
 * connections of one user have in common: `/run/domsnap/images` for root.
 */
export class KernelImageLocks implements ImageLocks {
  constructor(private readonly folders: () => readonly string[] = lockFolders) {}

  now(): bigint {
    return process.hrtime.bigint();
  }

  async run<Result>(
    claims: readonly ImageClaim[],
    user: ImageUser,
    options: LockOptions,
    work: () => Promise<Result>,
  ): Promise<{ readonly result: Result } | { readonly overtaken: string }> {
    const wanted = sorted(claims);
    if (wanted.length === 0) return { result: await work() };
    const folder = await usableFolder(this.folders());
    const deadlineMs = performance.now() + options.timeoutMs;
    const held = await pollLock(() => takeAll(folder, wanted), deadlineMs, options.signal);
    try {
      const overtaken = await findOvertaken(held, user);
      for (const one of held) await note(one, user, { ended: false, at: this.now() });
      if (overtaken !== undefined) return { overtaken };
      const descriptors = held.map(({ handle }) => handle.fd);
      return { result: await whileHolding(descriptors, work) };
    } finally {
      for (const one of held) {
        await note(one, user, { ended: true, at: this.now() }).catch(() => undefined);
        // Closing frees the lock.
        await one.handle.close();
      }
    }
  }
}

/** One claim for each image: to change it is more than to read it. */
function sorted(claims: readonly ImageClaim[]): ImageClaim[] {
  const byThing = new Map<string, ImageClaim>();
  for (const claim of claims)
    if (!byThing.has(claim.thing) || !claim.shared) byThing.set(claim.thing, claim);
  return [...byThing.values()].sort((a, b) => (a.thing < b.thing ? -1 : 1));
}

/** All or none: who waits holds nothing. */
async function takeAll(
  folder: string,
  claims: readonly ImageClaim[],
): Promise<LockAttempt<Held[]>> {
  const { tryLock } = await import("fs-native-extensions");
  const held: Held[] = [];
  let isComplete = false;
  try {
    for (const claim of claims) {
      const handle = await openLock(folder, claim);
      held.push({ claim, handle });
      if (tryLock(handle.fd, { shared: claim.shared })) continue;
      const { holder } = await readNote(handle);
      return { refused: () => lockedBy(claim, holder) };
    }
    isComplete = true;
    return { got: held };
  } finally {
    if (!isComplete) for (const { handle } of held) await handle.close();
  }
}

async function openLock(folder: string, { thing, place }: ImageClaim): Promise<FileHandle> {
  const name = createHash("sha256").update(thing).digest("hex").slice(0, 32);
  const { O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_RDWR } = constants;
  try {
    return await open(join(folder, name), O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600);
  } catch (thrown) {
    throw systemError(thrown, `cannot lock image '${place}'`);
  }
}

/** Whether others have changed an image since the user has looked, or died while they did. */
async function findOvertaken(
  held: readonly Held[],
  { token, since }: ImageUser,
): Promise<string | undefined> {
  const isLater = (use: LastUse) => use.token !== token && (!use.ended || BigInt(use.at) >= since);
  for (const { claim, handle } of held) {
    const { exclusive, shared = [] } = await readNote(handle);
    // Who only read it may have put something on it: that counts for those who change it.
    const uses = [...(exclusive ? [exclusive] : []), ...(claim.shared ? [] : shared)];
    if (uses.some(isLater)) return claim.place;
  }
  return undefined;
}

async function note(
  { claim, handle }: Held,
  { name, token }: ImageUser,
  { ended, at }: { readonly ended: boolean; readonly at: bigint },
): Promise<void> {
  const use: LastUse = { ended, at: String(at), token };
  const holder = `${name.slice(0, MAX_NAME_CHARS)} (process ${process.pid} on ${hostname()})`;
  const { exclusive, shared = [] } = await readNote(handle);
  const others = shared.filter((one) => one.token !== token);
  const after: Note = claim.shared
    ? {
        ...(exclusive && { exclusive: endedBy(exclusive, at) }),
        shared: [use, ...others].slice(0, 2),
        holder,
      }
    : { exclusive: use, holder };
  const bytes = Buffer.alloc(NOTE_BYTES, " ");
  bytes.write(`${JSON.stringify(after)}\n`);
  await handle.write(bytes, 0, NOTE_BYTES, 0);
}

/** Whoever has the lock, shared or not, knows that nobody changes the image any more. */
function endedBy(use: LastUse, at: bigint): LastUse {
  return use.ended ? use : { ...use, ended: true, at: String(at) };
}

/** What cannot be read is nothing: nobody has ever used the image, or the host has started since. */
async function readNote(handle: FileHandle): Promise<Note> {
  const bytes = Buffer.alloc(NOTE_BYTES);
  const { bytesRead } = await handle.read(bytes, 0, NOTE_BYTES, 0);
  try {
    return asNote(JSON.parse(bytes.subarray(0, bytesRead).toString()));
  } catch {
    return {};
  }
}

/** Another version may have written it: what it does not say as this one is not known. */
function asNote(value: unknown): Note {
  if (!isObject(value)) return {};
  const { exclusive, shared, holder } = value;
  return {
    ...(isUse(exclusive) && { exclusive }),
    ...(Array.isArray(shared) && { shared: shared.filter(isUse) }),
    ...(typeof holder === "string" && { holder }),
  };
}

function isUse(value: unknown): value is LastUse {
  if (!isObject(value)) return false;
  const { ended, at, token } = value;
  const isTime = typeof at === "string" && /^\d{1,20}$/.test(at);
  return typeof ended === "boolean" && isTime && typeof token === "string";
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

/** The first that there is or can be made. In `/run` nobody but root makes anything. */
function lockFolders(): string[] {
  const uid = process.getuid?.() ?? 0;
  const runtime = uid === 0 ? "/run" : process.env["XDG_RUNTIME_DIR"];
  const own = runtime?.startsWith("/") ? [join(runtime, "domsnap")] : [];
  return [...own, `/tmp/domsnap-${uid}`];
}

async function usableFolder(folders: readonly string[]): Promise<string> {
  let failure: unknown;
  for (const folder of folders)
    try {
      const images = join(folder, "images");
      for (const one of [folder, images]) {
        await mkdir(one, { mode: 0o700 }).catch((thrown: NodeJS.ErrnoException) => {
          if (thrown.code !== "EEXIST") throw thrown;
        });
        await assertOwn(one);
      }
      return images;
    } catch (thrown) {
      failure = thrown;
    }
  throw systemError(failure, `cannot lock images in '${folders.at(-1) ?? ""}'`);
}

/** Whoever could write there could keep every change from beginning. */
async function assertOwn(folder: string): Promise<void> {
  const stats = await lstat(folder);
  if (stats.isDirectory() && stats.uid === process.getuid?.() && (stats.mode & 0o022) === 0) return;
  throw new DomsnapError("system-error", `folder '${folder}' is not ours alone`, {
    hint: `Remove '${folder}', or give it to the user who runs domsnap, with mode 0700.`,
  });
}

function lockedBy({ place }: ImageClaim, holder: string | undefined): DomsnapError {
  const by = holder ?? "another domain";
  return new DomsnapError("locked", `image '${place}' is being used by a change of ${by}`, {
    hint: "Wait for it: a lock goes away with its owner.",
  });
}
