import { rmSync, statSync, writeFileSync } from "node:fs";

import { createExclusively, renameDurably, syncFile } from "./durable-files.js";

/**
 * Replaces a file of somebody else's: after a crash at any point the old content or the new is
 * there, wholly, for the same owner and with the same mode. `temporary` is a name beside it, and
 * what is left there by an earlier attempt goes. Throws `system-error`.
 */
export async function replaceFile(path: string, text: string, temporary: string): Promise<void> {
  const { mode, uid, gid } = statSync(path);
  rmSync(temporary, { force: true });
  await createExclusively(temporary, { mode: mode & 0o777, owner: { uid, gid } });
  writeFileSync(temporary, text);
  await syncFile(temporary);
  await renameDurably(temporary, path);
}
