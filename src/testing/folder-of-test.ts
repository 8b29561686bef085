import { createHash } from "node:crypto";
import { lstat, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";

/** A folder of its own for a test. */
export function makeTestFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), "domsnap-contract-"));
}

export function removeTestFolder(folder: string): Promise<void> {
  return rm(folder, { recursive: true, force: true });
}

/** What lies below a folder, and what would tell that somebody has touched it. */
export async function photographFolder(folder: string): Promise<Record<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const taken = await Promise.all(
    entries.map(async (entry) => {
      const path = join(entry.parentPath, entry.name);
      const { mode, mtimeNs } = await lstat(path, { bigint: true });
      const content = entry.isFile() ? await hashOfFile(path) : "";
      return [relative(folder, path), [mode.toString(8), mtimeNs, content].join(" ")] as const;
    }),
  );
  return Object.fromEntries(taken.sort(([a], [b]) => (a < b ? -1 : 1)));
}

async function hashOfFile(path: string): Promise<string> {
  return createHash("sha256")
    .update(await readFile(path))
    .digest("hex");
}
