import type { Container, ContainerModule } from "inversify";

import { DomsnapError } from "../core/errors/index.js";
import {
  FilePersistence,
  FileProbe,
  HostFiles,
  MemoryPersistence,
  SnapshotDocuments,
} from "../core/ports/index.js";
import { pluginUnusable, wordsOf, type PluginRequest } from "./find-plugin.js";
import { loadApart, partsIn } from "./parts-in.js";
import type { PluginPart } from "./plugin-part.js";

/** A plugin whose module has been run. */
export interface ImportedPlugin {
  readonly request: PluginRequest;
  readonly file: string;
  readonly modules: readonly ContainerModule[];
}

/** What domsnap binds itself: a second one of them would leave it without any. */
const OWN = [SnapshotDocuments, HostFiles, FileProbe, FilePersistence, MemoryPersistence];

/**
 * Loads a plugin into a container beside the parts that are there, and gives those that it adds.
 * Throws `plugin-unusable` when it adds none, or one under a name that is taken.
 */
export async function addPlugin(
  container: Container,
  plugin: ImportedPlugin,
  present: readonly PluginPart[],
): Promise<PluginPart[]> {
  try {
    const apart = await loadApart(container, plugin.modules);
    assertBindsNoneOf(OWN, apart, plugin);
    const parts = partsIn(apart, plugin.file);
    assertNew(parts, present, plugin);
    await container.loadAsync(...plugin.modules);
    return parts;
  } catch (thrown) {
    if (thrown instanceof DomsnapError && thrown.code === "plugin-unusable") throw thrown;
    throw refused(plugin, wordsOf(thrown), "Correct what its ContainerModule binds.", thrown);
  }
}

function assertBindsNoneOf(
  ports: readonly symbol[],
  container: Container,
  plugin: ImportedPlugin,
): void {
  const bound = ports.find((port) => container.isCurrentBound(port));
  if (bound)
    throw refused(
      plugin,
      `it binds '${bound.description ?? ""}', which domsnap does itself`,
      "Take that binding out.",
    );
}

function assertNew(
  parts: readonly PluginPart[],
  present: readonly PluginPart[],
  plugin: ImportedPlugin,
): void {
  if (parts.length === 0)
    throw refused(
      plugin,
      "it adds no disk backend, image inspector, toolstack, import source or export format",
      "Bind what it adds by the identifiers of 'domsnap/plugin' (docs/plugin-guide.md).",
    );
  for (const [index, part] of parts.entries()) {
    const twin = [...present, ...parts.slice(0, index)].find((known) => isSame(known, part));
    if (!twin) continue;
    const owner = twin.file === undefined ? "comes with domsnap" : `is that of '${twin.file}'`;
    throw refused(
      plugin,
      `its ${part.kind.replace("-", " ")} is called '${part.id}', which ${owner}`,
      "Give it another name, or load one of the two only.",
    );
  }
}

function refused({ request, file }: ImportedPlugin, reason: string, hint: string, cause?: unknown) {
  return pluginUnusable(request, reason, hint, { file, cause });
}

function isSame(one: PluginPart, other: PluginPart): boolean {
  return one.kind === other.kind && one.id === other.id;
}
