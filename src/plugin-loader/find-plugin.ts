import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

import { resolve as resolveModule } from "import-meta-resolve";

import { DomsnapError } from "../core/errors/index.js";
import { errnoOf } from "../host/system-error.js";

/** A plugin as somebody names it. */
export interface PluginRequest {
  /** A path that begins with `/` or `.`, a file URL, or what `import` would take: a package. */
  readonly specifier: string;
  /** What paths are relative to, and where packages are looked for first. */
  readonly folder: string;
  /** The configuration file that names it; missing for the command line. */
  readonly namedBy?: string;
}

/**
 * The absolute path of a plugin's module. A package that is not found from the folder of the
 * request may lie beside domsnap's own, as with `npm install -g`. Throws `plugin-unusable`.
 */
export function findPlugin(request: PluginRequest): string {
  const { specifier, folder } = request;
  if (specifier.startsWith("file:")) return fileURLToPath(specifier);
  if (/^[./]/.test(specifier)) return resolve(folder, specifier);
  const own = import.meta.url;
  const from = pathToFileURL(join(folder, "any.mjs")).href;
  const url = tryResolve(request, from) ?? tryResolve(request, own);
  if (url?.startsWith("file:") === true) return fileURLToPath(url);
  const isFileThere = existsSync(resolve(folder, specifier));
  throw pluginUnusable(
    request,
    `there is no package of this name, neither from '${folder}' nor beside domsnap`,
    isFileThere
      ? `Say './${specifier}' for the file.`
      : "Install the package there, or name its file by an absolute path.",
  );
}

/** The failure of a plugin; `where` is its file as soon as that is known. */
export function pluginUnusable(
  { specifier, namedBy }: PluginRequest,
  reason: string,
  hint: string,
  options: { readonly file?: string; readonly cause?: unknown } = {},
): DomsnapError {
  const { file, cause } = options;
  const where = file === undefined || file === specifier ? "" : ` (${file})`;
  const source = namedBy === undefined ? "" : ` It is named in '${namedBy}'.`;
  return new DomsnapError("plugin-unusable", `plugin '${specifier}'${where}: ${reason}`, {
    hint: hint + source,
    cause,
  });
}

/** What was thrown at us, on one line: Node and inversify add paragraphs. */
export function wordsOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return `it throws ${String(thrown)}`;
  const [first = ""] = thrown.message.split("\n");
  return thrown.name === "Error" ? first : `${thrown.name}: ${first}`;
}

function tryResolve(request: PluginRequest, from: string): string | undefined {
  try {
    return resolveModule(request.specifier, from);
  } catch (thrown) {
    if (errnoOf(thrown) === "ERR_MODULE_NOT_FOUND") return undefined;
    throw pluginUnusable(request, wordsOf(thrown), "Name the file of the module by its path.", {
      cause: thrown,
    });
  }
}
