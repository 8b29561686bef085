import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { pipeline } from "node:stream/promises";

import { systemError } from "../lib/system-error.js";

export function sha256Of(data: string | Uint8Array): string {
  return createHash("sha256").update(data).digest("hex");
}

/** SHA-256 of a file, streamed. Throws `system-error`. */
export async function sha256OfFile(path: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash("sha256");
  try {
    await pipeline(createReadStream(path), hash, { ...(signal && { signal }) });
  } catch (thrown) {
    throw systemError(thrown, `cannot read file '${path}'`);
  }
  return hash.digest("hex");
}
