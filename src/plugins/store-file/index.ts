import { ContainerModule } from "inversify";

import { FilePersistence, SnapshotDocuments } from "../../core/ports/index.js";
import { FileJournal } from "./file-journal.js";
import { FileSnapshotStore } from "./file-snapshot-store.js";
import { KernelFileLock } from "./kernel-file-lock.js";

export { FileJournal, FileSnapshotStore, KernelFileLock };

/** Records, journal and locks in files. Binds `FilePersistence`. */
export const storeFileModule = new ContainerModule(({ bind }) => {
  bind<FilePersistence>(FilePersistence).toResolvedValue(
    (documents: SnapshotDocuments): FilePersistence =>
      (stateFolder) => ({
        store: new FileSnapshotStore(stateFolder, documents),
        journal: new FileJournal(stateFolder),
        lock: new KernelFileLock(stateFolder),
      }),
    [SnapshotDocuments],
  );
});
