import { existsSync } from "node:fs";

import { syncFile } from "./durable-files.js";
import { runTool } from "./run-tool.js";

/** Where a kernel with SELinux shows it; without it `cp` refuses to keep contexts. */
const SELINUX = "/sys/fs/selinux/enforce";

/**
 * Gives a file, which is to replace another one, all that says who may use that one and what is noted
 * with it: owner, mode, access control lists, extended attributes and, with SELinux, the context. The
 * content stays; durable when it returns. Node.js has no calls for this, `cp` has. Of what only root
 * may give others get what they may. Throws `tool-missing`, `tool-failed`, `system-error`.
 */
export async function keepAttributes(replaced: string, file: string): Promise<void> {
  const kinds = ["mode", "ownership", "xattr", ...(existsSync(SELINUX) ? ["context"] : [])];
  const args = ["--attributes-only", `--preserve=${kinds.join(",")}`, "--", replaced, file];
  await runTool("cp", args, { keepsLock: true });
  await syncFile(file);
}
