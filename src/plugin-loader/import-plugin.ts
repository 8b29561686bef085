import { statSync } from "node:fs";
import { pathToFileURL } from "node:url";

import type { ContainerModule } from "inversify";

import { errnoOf, strerror } from "../host/system-error.js";
import { findDistrust } from "../host/trusted-path.js";
import { pluginUnusable, wordsOf, type PluginRequest } from "./find-plugin.js";

/** `import()` of a URL, which the bundled program does not have itself. */
export type ImportModule = (url: string) => Promise<unknown>;

/** How many exports are told of a module that has not the right ones. */
const MOST_NAMES = 5;

/** The exports that are looked at. */
const EXPORTS = ["default", "plugin", "plugins"] as const;

/**
 * Runs the module of a plugin and gives the inversify modules that it exports: one or a list of
 * them, as `default`, `plugin` or `plugins`. Root runs nothing that others could have written.
 * Throws `plugin-unusable`.
 */
export async function importPlugin(
  request: PluginRequest,
  file: string,
  importModule: ImportModule,
): Promise<readonly ContainerModule[]> {
  assertReadable(request, file);
  assertTrusted(request, file);
  const exported = await run(request, file, importModule);
  const candidates = candidatesIn(exported);
  const modules = [...new Set(candidates.filter(isContainerModule))];
  if (modules.length > 0 && modules.length === new Set(candidates).size) return modules;
  throw pluginUnusable(request, nothingUsable(exported, candidates), EXPORT_HINT, { file });
}

const EXPORT_HINT =
  "Export a ContainerModule of inversify 7 or later as 'default' or 'plugin', or a list of them as " +
  "'plugins' (docs/plugin-guide.md).";

function assertReadable(request: PluginRequest, file: string): void {
  let reason: string;
  try {
    const stats = statSync(file);
    if (stats.isFile()) return;
    reason = stats.isDirectory() ? "it is a folder" : "it is not a file";
  } catch (thrown) {
    reason = strerror(thrown);
  }
  throw pluginUnusable(request, reason, "Name the file of a module, or a package.", { file });
}

function assertTrusted(request: PluginRequest, file: string): void {
  if (process.geteuid?.() !== 0) return;
  const distrust = findDistrust(file);
  if (distrust)
    throw pluginUnusable(
      request,
      `not run by root: ${distrust.reason}`,
      `Run ${distrust.command} if it is yours.`,
      { file },
    );
}

async function run(
  request: PluginRequest,
  file: string,
  importModule: ImportModule,
): Promise<Record<string, unknown>> {
  try {
    return (await untilTheEnd(importModule(pathToFileURL(file).href))) as Record<string, unknown>;
  } catch (thrown) {
    throw pluginUnusable(request, wordsOf(thrown), hintFor(thrown, file), { file, cause: thrown });
  }
}

/** A module that waits for what never comes would end the process without a word. */
async function untilTheEnd<Result>(work: Promise<Result>): Promise<Result> {
  let onEnd!: () => void;
  const ended = new Promise<never>((_, reject) => {
    onEnd = () => {
      reject(new Error("it waits for something that never comes (top-level await)"));
    };
  });
  process.once("beforeExit", onEnd);
  try {
    return await Promise.race([work, ended]);
  } finally {
    process.off("beforeExit", onEnd);
  }
}

function hintFor(thrown: unknown, file: string): string {
  const isMissing = errnoOf(thrown) === "ERR_MODULE_NOT_FOUND";
  const name = isMissing && /'([^']+)'/.exec((thrown as Error).message)?.[1];
  if (name !== undefined && name !== false && !name.startsWith("/"))
    return `Run npm install ${name} where the plugin is.`;
  return `Run node ${file} to see where it fails.`;
}

/** A module of CommonJS has all that it exports in `default`. */
function candidatesIn(exported: Record<string, unknown>): unknown[] {
  const named = EXPORTS.map((name) => exported[name]);
  const [main] = named;
  const nested = isNamespace(main) ? EXPORTS.map((name) => main[name]) : [];
  return [...(nested.some(isGiven) ? nested : [main]), ...named.slice(1)].flat().filter(isGiven);
}

function isNamespace(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !("load" in value);
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null;
}

/** By what it can do: the class is that of another copy of inversify. */
function isContainerModule(value: unknown): value is ContainerModule {
  return typeof value === "object" && value !== null && "load" in value && "id" in value
    ? typeof value.load === "function"
    : false;
}

function nothingUsable(exported: Record<string, unknown>, candidates: readonly unknown[]): string {
  if (
    candidates.some((value) => typeof value === "object" && value !== null && "registry" in value)
  )
    return "it is made with inversify 6 or older";
  const names = Object.keys(exported);
  if (candidates.length > 0) return "not all that it exports as plugins are ContainerModules";
  if (names.length === 0) return "it exports nothing";
  const more = names.length > MOST_NAMES ? ", ..." : "";
  return `no plugin is among what it exports (${names.slice(0, MOST_NAMES).join(", ")}${more})`;
}
