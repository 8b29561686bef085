import type { Container } from "inversify";

import { BUILT_IN_MODULES, createContainer } from "./container.js";
import { EXCHANGE_MODULES } from "./exchange-modules.js";
import {
  loadApart,
  loadPlugins,
  partsIn,
  type ImportModule,
  type PluginPart,
  type PluginRequest,
} from "./plugin-loader/index.js";

/** What comes with domsnap. */
export async function builtInParts(): Promise<PluginPart[]> {
  return partsIn(await loadApart(createContainer(), [...BUILT_IN_MODULES, ...EXCHANGE_MODULES]));
}

/**
 * Loads outside plugins into the container of a run; see `createContainer` for modules that are
 * there already. Gives the parts that they add. Throws `plugin-unusable`.
 */
export async function addOutsidePlugins(
  container: Container,
  requests: readonly PluginRequest[],
  importModule: ImportModule,
): Promise<PluginPart[]> {
  return loadPlugins(container, requests, await builtInParts(), importModule);
}
