import { ContainerModule } from "inversify";

import { ConnectionProvider } from "../../core/ports/index.js";
import { QemuConnectionProvider } from "./qemu-connection-provider.js";

/** Guests of plain QEMU in a folder: `qemu+dir:///FOLDER`. Needs `FilePersistence`. */
export const toolstackQemuModule = new ContainerModule(({ bind }) => {
  bind<ConnectionProvider>(ConnectionProvider).to(QemuConnectionProvider);
});
