import { realpathSync } from "node:fs";

import type { Container } from "inversify";

import { addPlugin } from "./add-plugin.js";
import { findPlugin, type PluginRequest } from "./find-plugin.js";
import { importPlugin, type ImportModule } from "./import-plugin.js";
import type { PluginPart } from "./plugin-part.js";

export type { PluginRequest } from "./find-plugin.js";
export type { ImportModule } from "./import-plugin.js";
export { loadApart, partsIn } from "./parts-in.js";
export type { PluginKind, PluginPart } from "./plugin-part.js";

/**
 * Finds, runs and loads plugins in their order, one that is named twice once, and gives the parts
 * that they add to `present`. Throws `plugin-unusable` for the first that cannot be used.
 */
export async function loadPlugins(
  container: Container,
  requests: readonly PluginRequest[],
  present: readonly PluginPart[],
  importModule: ImportModule,
): Promise<PluginPart[]> {
  const added: PluginPart[] = [];
  const seen = new Set<string>();
  for (const request of requests) {
    const file = findPlugin(request);
    const modules = await importPlugin(request, file, importModule);
    const real = realpathSync(file);
    if (seen.has(real)) continue;
    seen.add(real);
    added.push(...(await addPlugin(container, { request, file, modules }, [...present, ...added])));
  }
  return added;
}
