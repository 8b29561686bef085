import { join } from "node:path";

import { ContainerModule } from "inversify";

import { createContainer, openSnapshotService } from "../../../../src/container.js";
import type { SnapshotService } from "../../../../src/core/operations/snapshot-service.js";
import { ConnectionProvider, FilePersistence } from "../../../../src/core/ports/index.js";
import { DefinitionFolder } from "../../../../src/plugin-kit/definition-folder.js";
import { FileToolstack } from "../../../../src/plugins/toolstack-file/file-toolstack.js";
import { withInformationFiles } from "../../../../src/plugins/toolstack-xl/information-files/index.js";

/** Domains that are off, from a folder, with the records of a Xen connection. */
const viewModule = new ContainerModule(({ bind }) => {
  bind<ConnectionProvider>(ConnectionProvider).toResolvedValue(
    (openPersistence: FilePersistence): ConnectionProvider => ({
      schemes: ["views"],
      open(uri) {
        const folder = new URL(uri).pathname;
        const toolstack = new FileToolstack(uri, new DefinitionFolder(folder));
        const state = join(folder, "snapshots");
        return Promise.resolve({
          toolstack,
          ...withInformationFiles(openPersistence(state), state, async (uuid) => {
            const domains = await toolstack.listDomains();
            return domains.find((domain) => domain.uuid === uuid)?.definition;
          }),
          close: () => Promise.resolve(),
        });
      },
    }),
    [FilePersistence],
  );
});

/** Opens `file:///FOLDER` as if its domains were Xen's. */
export function openWithViews(uri: string): Promise<SnapshotService> {
  return openSnapshotService(uri.replace(/^file:/, "views:"), createContainer([viewModule]));
}
