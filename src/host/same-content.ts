import { DomsnapError } from "../core/errors/index.js";
import { withImageFile, type ReadAt } from "./bounded-read.js";

const BLOCK_BYTES = 1024 * 1024;

/**
 * Whether a file begins with the whole content of another. Reads both; stops at the first
 * difference. Throws `system-error`, `cancelled`.
 */
export async function startsWithContent(
  path: string,
  content: { readonly path: string; readonly sizeBytes: number },
  signal?: AbortSignal,
): Promise<boolean> {
  const same = await withImageFile(path, (readOne) =>
    withImageFile(content.path, (readOther) =>
      sameBlocks(readOne, readOther, content.sizeBytes, signal),
    ),
  );
  return same ?? false;
}

async function sameBlocks(
  readOne: ReadAt,
  readOther: ReadAt,
  sizeBytes: number,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  for (let at = 0; at < sizeBytes; at += BLOCK_BYTES) {
    if (signal?.aborted) throw new DomsnapError("cancelled", "comparing was stopped on request");
    const length = Math.min(BLOCK_BYTES, sizeBytes - at);
    const [one, other] = await Promise.all([readOne(at, length), readOther(at, length)]);
    if (one.length !== length || !one.equals(other)) return false;
  }
  return true;
}
