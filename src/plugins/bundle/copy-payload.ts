import { basename, join } from "node:path";
import { stat } from "node:fs/promises";

import { DomsnapError } from "../../core/errors/index.js";
import type { ExportProgress, OperationProgress } from "../../core/ports/index.js";
import {
  cloneFile,
  copySparsely,
  readCopySource,
  type CopyOptions as FileCopyOptions,
} from "../../host/copy-file.js";
import {
  createExclusively,
  renameDurably,
  syncFile,
  unlinkDurably,
} from "../../host/durable-files.js";
import { whileLocked } from "../../host/image-locks.js";
import { runTool } from "../../host/run-tool.js";
import { readStateBytes, writeStateFile } from "../../host/state-files.js";
import { systemError } from "../../host/system-error.js";
import { sha256OfFile } from "./checksum.js";
import type { ChainedImage } from "./collect-images.js";
import type { Payload } from "./manifest.js";
import { formatReceipt, parseReceipt, RECEIPT_LIMIT_BYTES, RECEIPT_SUFFIX } from "./receipt.js";

const PARTIAL_SUFFIX = ".partial";

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
  return name.endsWith(RECEIPT_SUFFIX) || name.endsWith(PARTIAL_SUFFIX);
}

/**
 * Copies a file into the folder of a bundle, unless that was done and it has not changed since.
 * Holes stay holes, and only its owner may read the copy. What has the copy's name is always whole.
 * Throws `image-conflict` when the file
 * changes meanwhile, or when the bundle is whole and holds another state of it.
 */
export async function copyPayload(
  path: string,
  file: string,
  folder: string,
  options: CopyOptions & { readonly standing?: Standing },
): Promise<Payload> {
  const copy = join(folder, file);
  const version = `${await versionOf(path)} ${options.standing?.on ?? ""}`;
  const done = await readReceipt(copy, version);
  if (done) return { path, file, ...done };
  if (options.isWhole)
    throw new DomsnapError("image-conflict", `'${folder}' holds another state of '${path}'`, {
      hint: "Name an empty folder.",
    });
  const made = await makeCopy(path, copy, version, options);
  return { path, file, ...made };
}

type CopyFacts = Pick<Payload, "sha256" | "bytes">;

async function makeCopy(
  path: string,
  copy: string,
  version: string,
  { signal, standing, progress }: CopyOptions & { readonly standing?: Standing },
): Promise<CopyFacts> {
  const partial = copy + PARTIAL_SUFFIX;
  // Before the copy changes: a receipt never speaks of another copy than the one beside it.
  await unlinkDurably(copy + RECEIPT_SUFFIX);
  await unlinkDurably(partial);
  try {
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
    await renameDurably(partial, copy);
    await writeStateFile(copy + RECEIPT_SUFFIX, formatReceipt({ version, sha256, bytes }));
    return { sha256, bytes };
  } catch (thrown) {
    await unlinkDurably(partial);
    throw thrown;
  }
}

async function copyContent(path: string, partial: string, options: FileCopyOptions): Promise<void> {
  await whileLocked([{ path, use: "read" }], async () => {
    const source = await readCopySource(path);
    await createExclusively(partial);
    if (!(await cloneFile(source, partial, options))) await copySparsely(source, partial, options);
  });
}

async function readReceipt(copy: string, version: string): Promise<CopyFacts | undefined> {
  const text = readStateBytes(copy + RECEIPT_SUFFIX, RECEIPT_LIMIT_BYTES);
  const receipt = parseReceipt(text?.toString("utf8") ?? "");
  if (receipt?.version !== version) return undefined;
  const { sha256, bytes } = receipt;
  const isThere = (await sizeOf(copy).catch(() => undefined)) === bytes;
  return isThere ? { sha256, bytes } : undefined;
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
