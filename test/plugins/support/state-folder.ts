import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A new empty folder and how to get rid of it. */
export async function makeFolder(): Promise<{ path: string; dispose: () => Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), "domsnap-test-"));
  return { path, dispose: () => rm(path, { recursive: true, force: true }) };
}
