import { readFileSync, rmSync, statSync, writeFileSync } from "node:fs";

import { DomsnapError } from "../core/errors/index.js";
import { newToken, temporaryName } from "../core/model/index.js";
import { createExclusively, renameDurably, syncFile, unlinkDurably } from "./durable-files.js";
import { dropUnfinished } from "./output-folder.js";

/**
 * Replaces a file of another program's, by the name that this program itself uses meanwhile, and
 * under its lock: after a crash at any point the old content or the new is there, wholly, for the
 * same owner and with the same mode. What is left at `temporary` by an earlier attempt, ours or the
 * program's, goes. Throws `system-error`.
 */
export async function replaceFile(path: string, text: string, temporary: string): Promise<void> {
  rmSync(temporary, { force: true });
  await writeLike(path, temporary, text);
  await renameDurably(temporary, path);
}

/**
 * Changes a file that people write: whoever has changed it since `before` was read keeps what they
 * wrote. Otherwise as `replaceFile`, under a name that nobody else has; what an earlier attempt to
 * make this very change has left unfinished goes. Throws `operation-failed`, `system-error`.
 */
export async function changeFile(path: string, before: string, after: string): Promise<void> {
  await dropUnfinished(new Map([[path, (part) => after.startsWith(part)]]));
  const temporary = temporaryName(path, "tmp", newToken());
  try {
    await writeLike(path, temporary, after);
    if (readFileSync(path, "utf8") !== before)
      throw new DomsnapError(
        "operation-failed",
        `'${path}' was changed by somebody else meanwhile`,
        {
          hint: "Repeat the command when nobody edits the file.",
        },
      );
    await renameDurably(temporary, path);
  } catch (thrown) {
    await unlinkDurably(temporary);
    throw thrown;
  }
}

/** Writes a file for the owner of another one, with its mode. */
async function writeLike(path: string, file: string, text: string): Promise<void> {
  const { mode, uid, gid } = statSync(path);
  await createExclusively(file, { mode: mode & 0o777, owner: { uid, gid } });
  writeFileSync(file, text);
  await syncFile(file);
}
