import { join } from "node:path";

import { inject, injectable } from "inversify";

import {
  FilePersistence,
  type Connection,
  type ConnectionProvider,
} from "../../core/ports/index.js";
import { folderOfUri } from "../../host/uri-path.js";
import { DefinitionFolder } from "../../plugin-kit/definition-folder.js";
import { FileToolstack } from "./file-toolstack.js";

const SCHEME = "file";

/** Opens `file:///FOLDER`: definitions in `FOLDER/*.xml`, snapshots in `FOLDER/snapshots`. */
@injectable()
export class FileConnectionProvider implements ConnectionProvider {
  readonly schemes = [SCHEME];
  readonly summary = "domain definitions in a folder: file:///FOLDER";

  constructor(@inject(FilePersistence) private readonly openPersistence: FilePersistence) {}

  /** Throws `invalid-argument` for a bad URI and for a folder that is not there. */
  // eslint-disable-next-line @typescript-eslint/require-await -- throws as a rejection
  async open(uri: string): Promise<Connection> {
    const folder = folderOfUri(uri, SCHEME);
    const definitions = new DefinitionFolder(folder);
    return {
      toolstack: new FileToolstack(uri, definitions),
      ...this.openPersistence(join(folder, "snapshots")),
      close: () => Promise.resolve(),
    };
  }
}
