import { ContainerModule } from "inversify";

import { ConnectionProvider } from "../../core/ports/index.js";
import { TestConnectionProvider } from "./test-connection-provider.js";

/** libvirt's test driver: `test:///default`, `test:///PATH`. Needs `MemoryPersistence`. */
export const toolstackTestModule = new ContainerModule(({ bind }) => {
  bind<ConnectionProvider>(ConnectionProvider).to(TestConnectionProvider);
});
