import { ContainerModule } from "inversify";

import { MemoryPersistence } from "../../core/ports/index.js";
import { MemoryJournal } from "./memory-journal.js";
import { MemoryLock } from "./memory-lock.js";
import { MemorySnapshotStore } from "./memory-snapshot-store.js";

export { MemoryJournal, MemoryLock, MemorySnapshotStore };

/** Records, journal and locks that live as long as a connection. Binds `MemoryPersistence`. */
export const storeMemoryModule = new ContainerModule(({ bind }) => {
  bind<MemoryPersistence>(MemoryPersistence).toConstantValue(() => ({
    store: new MemorySnapshotStore(),
    journal: new MemoryJournal(),
    lock: new MemoryLock(),
  }));
});
