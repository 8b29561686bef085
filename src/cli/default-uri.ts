import { mkdirSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

/**
 * The URI of a run without `--connect`: DOMSNAP_DEFAULT_URI; for root in the control domain of Xen
 * `xen:///system`; else a folder of definitions: `/var/lib/domsnap` for root, `domsnap` in the
 * user's data folder for everyone else.
 */
export function defaultUri(
  env: Readonly<Record<string, string | undefined>>,
  uid = process.getuid?.(),
): string {
  if (env["DOMSNAP_DEFAULT_URI"]) return env["DOMSNAP_DEFAULT_URI"];
  if (uid === 0 && isControlDomain()) return "xen:///system";
  if (uid === 0) return "file:///var/lib/domsnap";
  const data = env["XDG_DATA_HOME"] ?? join(env["HOME"] ?? homedir(), ".local/share");
  return pathToFileURL(join(data, "domsnap")).href;
}

/**
 * Makes the folder of a default URI, so that the first command of a new user works. A folder that
 * somebody names is never made: it may be misspelt.
 */
export function makeDefaultFolder(uri: string): void {
  if (uri.startsWith("file:")) mkdirSync(fileURLToPath(uri), { recursive: true, mode: 0o700 });
}

function isControlDomain(): boolean {
  try {
    return readFileSync("/proc/xen/capabilities", "utf8").includes("control_d");
  } catch {
    return false;
  }
}
