import { Container, type ContainerModule } from "inversify";

import {
  ConnectionProvider,
  DiskBackend,
  ExportFormat,
  ImageInspector,
  ImportSource,
} from "../core/ports/index.js";
import type { PluginKind, PluginPart } from "./plugin-part.js";

interface Described {
  readonly id: string;
  readonly summary?: string;
}

interface PortReader {
  readonly kind: PluginKind;
  readonly port: symbol;
  readonly read: (container: Container) => readonly Described[];
}

const PORTS: readonly PortReader[] = [
  {
    kind: "disk-backend",
    port: DiskBackend,
    read: (container) => container.getAll<DiskBackend>(DiskBackend),
  },
  {
    kind: "image-inspector",
    port: ImageInspector,
    read: (container) => container.getAll<ImageInspector>(ImageInspector),
  },
  {
    kind: "toolstack",
    port: ConnectionProvider,
    read: (container) =>
      container
        .getAll<ConnectionProvider>(ConnectionProvider)
        .flatMap(({ schemes, summary }) =>
          schemes.map((id) => ({ id, ...(summary !== undefined && { summary }) })),
        ),
  },
  {
    kind: "import-source",
    port: ImportSource,
    read: (container) => container.getAll<ImportSource>(ImportSource),
  },
  {
    kind: "export-format",
    port: ExportFormat,
    read: (container) => container.getAll<ExportFormat>(ExportFormat),
  },
];

/**
 * A container that has only these modules and takes what they need from `base`, which stays as it
 * is. Throws what a module throws.
 */
export async function loadApart(
  base: Container,
  modules: readonly ContainerModule[],
): Promise<Container> {
  const container = new Container({ parent: base });
  await container.loadAsync(...modules);
  return container;
}

/**
 * What a container has itself, not from its parent. Throws what a constructor throws, and
 * inversify's error for something that is needed and nowhere bound.
 */
export function partsIn(container: Container, file?: string): PluginPart[] {
  return PORTS.filter(({ port }) => container.isCurrentBound(port)).flatMap(({ kind, read }) =>
    read(container).map(({ id, summary }) => ({
      kind,
      id,
      ...(summary !== undefined && { summary }),
      ...(file !== undefined && { file }),
    })),
  );
}
