import { statSync } from "node:fs";
import { homedir } from "node:os";
import { isAbsolute, join, resolve } from "node:path";

import type { Configuration } from "./configuration.js";

type Environment = Readonly<Record<string, string | undefined>>;

const SYSTEM_FILE = "/etc/domsnap/config.json";

const NOTHING: Configuration = { plugins: [], trustedFolders: [], backendFor: () => undefined };

/**
 * Reads `/etc/domsnap/config.json` and the user's own file, which wins key by key, or in their place
 * the one that DOMSNAP_CONFIG names (none if that is empty). Where there is none, nothing is loaded
 * and each costs one look. Throws `config-invalid`: what is wrong, where, and for root also when
 * others than root could have written the file.
 */
export async function readConfiguration(env: Environment): Promise<Configuration> {
  const files = filesOf(env);
  if (files.length === 0) return NOTHING;
  const { readConfigurationFiles } = await import("./configuration-files.js");
  return readConfigurationFiles(files);
}

/** Those that there are; later ones win. */
function filesOf(env: Environment): string[] {
  const named = env["DOMSNAP_CONFIG"];
  if (named !== undefined) return named === "" ? [] : [resolve(named)];
  const own = join(configHome(env), "domsnap/config.json");
  return [
    ...(isThere(SYSTEM_FILE, true) ? [SYSTEM_FILE] : []),
    // Who works as another user (`runuser -u`) may have root's HOME, and cannot look into that.
    ...(isThere(own, false) ? [own] : []),
  ];
}

/** By the XDG base directory specification, which has a relative path ignored. */
function configHome(env: Environment): string {
  const named = env["XDG_CONFIG_HOME"];
  if (named !== undefined && isAbsolute(named)) return named;
  return join(env["HOME"] ?? homedir(), ".config");
}

/** `whenHidden` is the answer where that cannot be told. */
function isThere(path: string, whenHidden: boolean): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch {
    return whenHidden;
  }
}
