import { statSync } from "node:fs";
import { join, normalize } from "node:path";

import { inject, injectable } from "inversify";

import { DomsnapError } from "../../core/errors/index.js";
import {
  FilePersistence,
  type Connection,
  type ConnectionProvider,
} from "../../core/ports/index.js";
import { pathOfUri } from "../lib/uri-path.js";
import { DefinitionFolder } from "./definition-folder.js";
import { FileToolstack } from "./file-toolstack.js";

const SCHEME = "file";

/** Opens `file:///FOLDER`: definitions in `FOLDER/*.xml`, snapshots in `FOLDER/snapshots`. */
@injectable()
export class FileConnectionProvider implements ConnectionProvider {
  readonly schemes = [SCHEME];

  constructor(@inject(FilePersistence) private readonly openPersistence: FilePersistence) {}

  /** Throws `invalid-argument` for a bad URI and for a folder that is not there. */
  // eslint-disable-next-line @typescript-eslint/require-await -- throws as a rejection
  async open(uri: string): Promise<Connection> {
    const folder = normalize(pathOfUri(uri, SCHEME));
    if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory())
      throw new DomsnapError("invalid-argument", `'${folder}' is not a folder`, {
        hint: `Make the folder first: mkdir -p '${folder}'`,
      });
    const definitions = new DefinitionFolder(folder);
    return {
      toolstack: new FileToolstack(uri, definitions),
      ...this.openPersistence(join(folder, "snapshots")),
      close: () => Promise.resolve(),
    };
  }
}
