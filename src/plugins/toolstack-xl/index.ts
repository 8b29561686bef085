import { ContainerModule } from "inversify";

import { ConnectionProvider } from "../../core/ports/index.js";
import { XlConnectionProvider } from "./xl-connection-provider.js";

/** The guests of a Xen host: `xen:///system`. Needs `FilePersistence`. */
export const toolstackXlModule = new ContainerModule(({ bind }) => {
  bind<ConnectionProvider>(ConnectionProvider).to(XlConnectionProvider);
});
