import { ContainerModule } from "inversify";

import { ConnectionProvider } from "../../core/ports/index.js";
import { FileConnectionProvider } from "./file-connection-provider.js";

/** Domains as definitions in a folder: `file:///FOLDER`. Needs `FilePersistence`. */
export const toolstackFileModule = new ContainerModule(({ bind }) => {
  bind<ConnectionProvider>(ConnectionProvider).to(FileConnectionProvider);
});
