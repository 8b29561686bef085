import { basename, join } from "node:path";
import { stat } from "node:fs/promises";

import { DomsnapError } from "../../core/errors/index.js";
import { renameDurably, syncFile, unlinkDurably } from "../lib/durable-files.js";
import { runTool } from "../lib/run-tool.js";
import { readStateFile, writeStateFile } from "../lib/state-files.js";
import { systemError } from "../lib/system-error.js";
import { sha256OfFile } from "./checksum.js";
import type { ChainedImage } from "./collect-images.js";
import type { Payload } from "./manifest.js";

/** What was copied, beside the copy: an interrupted export does not copy it again. */
const RECEIPT_SUFFIX = ".copied";
const RECEIPT_LIMIT_BYTES = 4096;
const PARTIAL_SUFFIX = ".partial";

export interface CopyOptions {
  readonly signal: AbortSignal;
}

/** Copies a file into the folder of a bundle, unless that was done and it has not changed since. */
export async function copyPayload(
  path: string,
  file: string,
  folder: string,
  options: CopyOptions & { readonly finish?: (copy: string) => Promise<void> },
): Promise<Payload> {
  const copy = join(folder, file);
  const version = await versionOf(path);
  const done = readStateFile(copy + RECEIPT_SUFFIX, RECEIPT_LIMIT_BYTES);
  const [receiptVersion, sha256 = ""] = (done ?? "").split("\n");
  if (receiptVersion === version) return { path, file, sha256, bytes: await sizeOf(copy) };
  const partial = copy + PARTIAL_SUFFIX;
  await unlinkDurably(partial);
  await runTool("cp", ["--sparse=always", "--reflink=auto", "--", path, partial], {
    signal: options.signal,
    keepsLock: true,
  });
  await options.finish?.(partial);
  await syncFile(partial);
  const sum = await sha256OfFile(partial, options.signal);
  await renameDurably(partial, copy);
  await writeStateFile(copy + RECEIPT_SUFFIX, `${version}\n${sum}\n`);
  return { path, file, sha256: sum, bytes: await sizeOf(copy) };
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
    const { size, mtimeNs, ino } = await stat(path, { bigint: true });
    return [size, mtimeNs, ino].map(String).join(" ");
  } catch (thrown) {
    const { detail } = systemError(thrown, `missing file '${path}'`);
    throw new DomsnapError("image-missing", detail, { cause: thrown });
  }
}

async function sizeOf(path: string): Promise<number> {
  const { size } = await stat(path);
  return size;
}
