import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { pipeline } from "node:stream/promises";

import { PROGRESS_INTERVAL_MS } from "../../host/copy-file.js";
import { systemError } from "../../host/system-error.js";

export function sha256Of(data: string | Uint8Array): string {
  return createHash("sha256").update(data).digest("hex");
}

export interface ChecksumOptions {
  readonly signal?: AbortSignal;
  /** Told now and then, and in the end. */
  readonly onBytes?: (bytesDone: number) => void;
}

/** SHA-256 of a file, streamed. Throws `system-error`. */
export async function sha256OfFile(
  path: string,
  { signal, onBytes }: ChecksumOptions = {},
): Promise<string> {
  const hash = createHash("sha256");
  const stream = createReadStream(path);
  const watch = setInterval(() => onBytes?.(stream.bytesRead), PROGRESS_INTERVAL_MS);
  try {
    await pipeline(stream, hash, { ...(signal && { signal }) });
  } catch (thrown) {
    throw systemError(thrown, `cannot read file '${path}'`);
  } finally {
    clearInterval(watch);
  }
  onBytes?.(stream.bytesRead);
  return hash.digest("hex");
}
