import "reflect-metadata";

import { Container, type ContainerModule } from "inversify";

import { DomsnapError } from "./core/errors/index.js";
import { createSnapshotService } from "./core/operations/connection-service.js";
import type { ServiceOptions } from "./core/operations/shared/results.js";
import type { SnapshotService } from "./core/operations/snapshot-service.js";
import {
  ConnectionProvider,
  DiskBackend,
  FileProbe,
  ExportFormat,
  HostFiles,
  ImageLocks,
  ImageInspector,
  ImportSource,
  SnapshotDocuments,
  type SnapshotExchange,
} from "./core/ports/index.js";
import { blktapModule } from "./plugins/blktap/index.js";
import { ddModule } from "./plugins/dd/index.js";
import type { ImportModule, PluginPart, PluginRequest } from "./plugin-loader/index.js";
import { KernelImageLocks } from "./host/claimed-images.js";
import { hostFiles } from "./host/host-files.js";
import { probeFile } from "./host/probe-file.js";
import { qdiskModule } from "./plugins/qdisk/index.js";
import { storeFileModule } from "./plugins/store-file/index.js";
import { storeMemoryModule } from "./plugins/store-memory/index.js";
import { toolstackFileModule } from "./plugins/toolstack-file/index.js";
import { toolstackQemuModule } from "./plugins/toolstack-qemu/index.js";
import { toolstackTestModule } from "./plugins/toolstack-test/index.js";
import { toolstackXlModule } from "./plugins/toolstack-xl/index.js";
import { libvirtDocuments } from "./xml/index.js";

/**
 * The plugins that come with domsnap. Another one is one more line here, in `exchange-modules.ts`
 * where snapshots come in and go out, or an argument below.
 */
const BUILT_IN_MODULES: readonly ContainerModule[] = [
  storeFileModule,
  storeMemoryModule,
  toolstackFileModule,
  toolstackQemuModule,
  toolstackTestModule,
  toolstackXlModule,
  ddModule,
  qdiskModule,
  blktapModule,
];

/**
 * A container with the built-in plugins and those of outside packages. Each call makes a new one;
 * a long-lived host keeps it and opens a service for every connection.
 */
export function createContainer(plugins: readonly ContainerModule[] = []): Container {
  const container = new Container();
  container.bind<SnapshotDocuments>(SnapshotDocuments).toConstantValue(libvirtDocuments);
  container.bind<HostFiles>(HostFiles).toConstantValue(hostFiles);
  container.bind<ImageLocks>(ImageLocks).toConstantValue(new KernelImageLocks());
  container.bind<FileProbe>(FileProbe).toConstantValue(probeFile);
  for (const module of [...BUILT_IN_MODULES, ...plugins]) container.load(module);
  return container;
}

/** What comes with domsnap. */
export async function builtInParts(): Promise<PluginPart[]> {
  const { EXCHANGE_MODULES } = await import("./exchange-modules.js");
  const { loadApart, partsIn } = await import("./plugin-loader/index.js");
  return partsIn(await loadApart(createContainer(), [...BUILT_IN_MODULES, ...EXCHANGE_MODULES]));
}

/**
 * Loads plugins by their names into a container; for modules that are at hand see
 * `createContainer`. Gives the parts that they add. Throws `plugin-unusable`.
 */
export async function addOutsidePlugins(
  container: Container,
  requests: readonly PluginRequest[],
  importModule: ImportModule,
): Promise<PluginPart[]> {
  const { loadPlugins } = await import("./plugin-loader/index.js");
  return loadPlugins(container, requests, await builtInParts(), importModule);
}

/**
 * Opens the use cases of what stands behind a URI: `file:///FOLDER`, `test:///default`. Throws
 * `invalid-argument` for a scheme that no plugin serves and for a default disk backend that there is
 * not, `plugin-conflict` for plugins that exclude each other, and what the plugin throws.
 */
export async function openSnapshotService(
  uri: string,
  container: Container = createContainer(),
  options: ServiceOptions = {},
): Promise<SnapshotService> {
  const connection = await findProvider(container, uri).open(uri);
  return createSnapshotService(
    {
      connection,
      backends: container.getAll<DiskBackend>(DiskBackend),
      inspectors: container.getAll<ImageInspector>(ImageInspector),
      documents: container.get<SnapshotDocuments>(SnapshotDocuments),
      probe: container.get<FileProbe>(FileProbe),
      files: container.get<HostFiles>(HostFiles),
      imageLocks: container.get<ImageLocks>(ImageLocks),
      lookAtMemory: async (path) =>
        (await import("./formats/saved-memory/index.js")).lookAtMemory(path),
      exchange: () => exchangeOf(container),
      nowSeconds: () => BigInt(Math.floor(Date.now() / 1000)),
    },
    options,
  );
}

const exchanges = new WeakMap<Container, Promise<SnapshotExchange>>();

/** The built-in ways in and out join those of outside packages at the first call. */
function exchangeOf(container: Container): Promise<SnapshotExchange> {
  const known = exchanges.get(container);
  if (known) return known;
  const loading = loadExchange(container);
  exchanges.set(container, loading);
  return loading;
}

async function loadExchange(container: Container): Promise<SnapshotExchange> {
  const { EXCHANGE_MODULES } = await import("./exchange-modules.js");
  container.load(...EXCHANGE_MODULES);
  return {
    importSources: container.getAll<ImportSource>(ImportSource),
    exportFormats: container.getAll<ExportFormat>(ExportFormat),
  };
}

function findProvider(container: Container, uri: string): ConnectionProvider {
  const providers = container.getAll<ConnectionProvider>(ConnectionProvider);
  const scheme = uri.slice(0, Math.max(uri.indexOf(":"), 0));
  const provider = providers.find(({ schemes }) => schemes.includes(scheme));
  if (provider) return provider;
  const known = providers.flatMap(({ schemes }) => schemes).sort();
  throw new DomsnapError("invalid-argument", `no toolstack serves the URI '${uri}'`, {
    hint: `${uriStep(uri)}Use a URI that begins with ${known.map((name) => `${name}:`).join(", ")}.`,
  });
}

/** What those need to hear who give a folder, or the URI of a libvirt connection. */
function uriStep(uri: string): string {
  if (uri.startsWith("/")) return `Write file://${uri} for the folder. `;
  if (/^qemu(\+(?!dir:)\w+)?:/.test(uri))
    return `Use virsh for guests of libvirt; 'domsnap import ${uri} --domain DOMAIN' brings their snapshots along. `;
  return "";
}
