import { join } from "node:path";

import type { DomainDefinition } from "../../../core/model/index.js";
import type { Persistence } from "../../../core/ports/index.js";
import { InformationFileStore } from "./information-file-store.js";
import { InformationFolder } from "./information-folder.js";
import { InformationViews } from "./record-views.js";

/**
 * The same persistence with `snapshotdata-NAME.xl` beside every record (see `InformationViews`), and
 * with the snapshots that only such a file tells of. `definitionOf` gives the present definition of
 * a domain.
 */
export function withInformationFiles(
  { store: records, journal, lock }: Persistence,
  stateFolder: string,
  definitionOf: (domainUuid: string) => Promise<DomainDefinition | undefined>,
): Persistence {
  const folderOf = (domainUuid: string) =>
    new InformationFolder(records.folder?.(domainUuid) ?? join(stateFolder, domainUuid));
  const views = new InformationViews(records, folderOf);
  return {
    store: new InformationFileStore({ records, views, folderOf, definitionOf }),
    journal,
    lock: {
      holder: (domainUuid) => lock.holder(domainUuid),
      run: (domainUuid, options, work) =>
        lock.run(domainUuid, options, async () => {
          await views.mend(domainUuid);
          try {
            return await work();
          } finally {
            await views.mend(domainUuid);
          }
        }),
    },
  };
}
