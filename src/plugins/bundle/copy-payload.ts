import { lstatSync, readdirSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { stat } from "node:fs/promises";

import { DomsnapError } from "../../core/errors/index.js";
import { isTemporaryName, newToken, temporaryName } from "../../core/model/index.js";
import type { ExportProgress, Identity, OperationProgress } from "../../core/ports/index.js";
import {
  cloneFile,
  copySparsely,
  readCopySource,
  type CopyOptions as FileCopyOptions,
} from "../../host/copy-file.js";
import {
  createExclusively,
  isVacant,
  publishDurably,
  syncFile,
  unlinkDurably,
} from "../../host/durable-files.js";
import { identifyEntry, unlinkKnown } from "../../host/file-identity.js";
import { whileLocked } from "../../host/image-locks.js";
import { runTool } from "../../host/run-tool.js";
import { systemError } from "../../host/system-error.js";
import { sha256OfFile } from "./checksum.js";
import type { ChainedImage } from "./collect-images.js";
import type { Payload } from "./manifest.js";
import { readReceipt, RECEIPT_SUFFIX, writeReceipt, type Receipt } from "./receipt.js";

export interface CopyOptions {
  readonly signal: AbortSignal;
  /** A bundle that is whole is somebody's: what is in it may be kept, but not replaced. */
  readonly isWhole: boolean;
  readonly progress: (step: ExportProgress["step"], progress: OperationProgress) => void;
}

/** How a copy comes to stand on another one. */
export interface Standing {
  /** Name of the file below it in the bundle. */
  readonly on: string;
  readonly relink: (copy: string) => Promise<void>;
}

/** Whether an export into this folder has begun to copy. */
export function isCopyLeftover(name: string): boolean {
  return name.endsWith(RECEIPT_SUFFIX) || isTemporaryName(name);
}

type CopyFacts = Pick<Payload, "sha256" | "bytes">;

/**
 * Copies a file into the folder of a bundle, unless that was done and it has not changed since.
 * Holes stay holes, and only its owner may read the copy. What has the copy's name is always whole,
 * and nothing is replaced that no receipt tells to be a copy of ours. Throws `image-conflict` when
 * something else has the name, when the file changes meanwhile, or when the bundle is whole and
 * holds another state of it.
 */
export async function copyPayload(
  path: string,
  file: string,
  folder: string,
  options: CopyOptions & { readonly standing?: Standing },
): Promise<Payload> {
  const copy = join(folder, file);
  const version = `${await versionOf(path)} ${options.standing?.on ?? ""}`;
  const before = readReceipt(copy);
  const done = before?.version === version && (await finish(copy, before, options));
  if (done) return { path, file, ...done };
  if (options.isWhole)
    throw new DomsnapError("image-conflict", `'${folder}' holds another state of '${path}'`, {
      hint: "Name an empty folder.",
    });
  await clearPlace(copy, before);
  return { path, file, ...(await makeCopy(path, copy, version, options)) };
}

/** What was copied, if all was; a copy that only lacks its name gets it. */
async function finish(
  copy: string,
  { token, identity, copied }: Receipt,
  { isWhole }: CopyOptions,
): Promise<CopyFacts | undefined> {
  if (!copied) return undefined;
  const isOurs = (await identifyEntry(copy)) === identity;
  // A bundle may have been moved: its files are others then. What is whole is not replaced.
  if (isOurs || isWhole)
    return (await sizeOf(copy).catch(() => undefined)) === copied.bytes ? copied : undefined;
  const partial = partialOf(copy, token);
  if ((await identifyEntry(partial)) !== identity || !(await isVacant(copy))) return undefined;
  await publishDurably(partial, copy);
  return copied;
}

/** Removes what earlier exports have made; what else is there stays, and is told. */
async function clearPlace(copy: string, before: Receipt | undefined): Promise<void> {
  if (before) {
    await unlinkKnown(partialOf(copy, before.token), [before.identity]);
    await unlinkKnown(copy, [before.identity]);
  }
  if (!(await isVacant(copy)))
    throw new DomsnapError("image-conflict", `file '${copy}' exists, and no export has made it`, {
      hint: "Move it away, or name an empty folder.",
    });
  for (const path of emptyPartialsOf(copy)) await unlinkDurably(path);
}

/** Made by exports that died before they could write a receipt. */
function emptyPartialsOf(copy: string): string[] {
  const start = partialOf(basename(copy), "");
  const found = readdirSync(dirname(copy)).filter(
    (name) => name.startsWith(start) && isTemporaryName(name),
  );
  return found
    .map((name) => join(dirname(copy), name))
    .filter((path) => {
      const fact = lstatSync(path, { throwIfNoEntry: false });
      return fact?.isFile() === true && fact.size === 0;
    });
}

async function makeCopy(
  path: string,
  copy: string,
  version: string,
  { signal, standing, progress }: CopyOptions & { readonly standing?: Standing },
): Promise<CopyFacts> {
  const token = newToken();
  const partial = partialOf(copy, token);
  await createExclusively(partial);
  const identity = (await identifyEntry(partial)) ?? "";
  try {
    await writeReceipt(copy, { version, token, identity });
    await copyContent(path, partial, {
      signal,
      onProgress: (copied) => progress("copy", copied),
    });
    await standing?.relink(partial);
    await syncFile(partial);
    const bytes = await sizeOf(partial);
    const sha256 = await sha256OfFile(partial, {
      signal,
      onBytes: (bytesDone) => progress("checksum", { bytesDone, bytesTotal: bytes }),
    });
    if (`${await versionOf(path)} ${standing?.on ?? ""}` !== version)
      throw new DomsnapError("image-conflict", `'${path}' was changed while it was copied`);
    await assertOwn(partial, identity);
    await writeReceipt(copy, { version, token, identity, copied: { sha256, bytes } });
    await publishDurably(partial, copy);
    return { sha256, bytes };
  } catch (thrown) {
    await unlinkKnown(partial, [identity]);
    throw thrown;
  }
}

/** What the copy is called until it is complete. */
function partialOf(copy: string, token: string): string {
  return temporaryName(copy, "partial", token);
}

async function assertOwn(partial: string, identity: Identity): Promise<void> {
  if ((await identifyEntry(partial)) === identity) return;
  throw new DomsnapError(
    "operation-failed",
    `file '${partial}' was removed or replaced by another program before it was complete`,
    { hint: "Keep other programs from the folder, and repeat." },
  );
}

async function copyContent(path: string, partial: string, options: FileCopyOptions): Promise<void> {
  await whileLocked([{ path, use: "read" }], async () => {
    const source = await readCopySource(path);
    if (!(await cloneFile(source, partial, options))) await copySparsely(source, partial, options);
  });
}

/** Makes the copy of an overlay stand on the copy beside it, by a name without folders. */
export async function relink(
  copy: string,
  { image, below }: ChainedImage,
  fileOfBelow: string,
  { signal }: CopyOptions,
): Promise<void> {
  if (!below) return;
  const base = ["-b", basename(fileOfBelow), "-F", below.format];
  await runTool("qemu-img", ["rebase", "-q", "-u", "-f", image.format, ...base, copy], { signal });
}

async function versionOf(path: string): Promise<string> {
  try {
    const { size, mtimeNs, ino, dev } = await stat(path, { bigint: true });
    return [size, mtimeNs, ino, dev].map(String).join(" ");
  } catch (thrown) {
    const { detail } = systemError(thrown, `missing file '${path}'`);
    throw new DomsnapError("image-missing", detail, { cause: thrown });
  }
}

async function sizeOf(path: string): Promise<number> {
  const { size } = await stat(path);
  return size;
}
