import { realpathSync } from "node:fs";
import { join } from "node:path";

import { inject, injectable } from "inversify";

import {
  FilePersistence,
  type Connection,
  type ConnectionProvider,
} from "../../core/ports/index.js";
import { DefinitionFolder } from "../../plugin-kit/definition-folder.js";
import { folderOfUri } from "../../host/uri-path.js";

const SCHEME = "qemu+dir";

/**
 * Opens `qemu+dir:///FOLDER`: definitions in `FOLDER/*.xml`, running guests in `FOLDER/run`,
 * snapshots in `FOLDER/snapshots`.
 */
@injectable()
export class QemuConnectionProvider implements ConnectionProvider {
  readonly schemes = [SCHEME];
  readonly summary = "guests that domsnap runs by QEMU itself: qemu+dir:///FOLDER";

  constructor(@inject(FilePersistence) private readonly openPersistence: FilePersistence) {}

  /** Throws `invalid-argument` for a bad URI and for a folder that is not there. */
  async open(uri: string): Promise<Connection> {
    // A running QEMU is known by the path of its pid file, which must not depend on the way there.
    const folder = realpathSync(folderOfUri(uri, SCHEME));
    const { QemuToolstack } = await import("./qemu-toolstack.js");
    return {
      toolstack: new QemuToolstack(uri, folder, new DefinitionFolder(folder)),
      ...this.openPersistence(join(folder, "snapshots")),
      close: () => Promise.resolve(),
    };
  }
}
