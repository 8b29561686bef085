import { ContainerModule } from "inversify";

import { DiskBackend } from "../../core/ports/index.js";
import { QdiskBackend } from "./qdisk-backend.js";

export { QdiskBackend } from "./qdisk-backend.js";

/** Adds the backend for images that QEMU serves. */
export const qdiskModule = new ContainerModule(({ bind }) => {
  bind(DiskBackend)
    .toDynamicValue(() => new QdiskBackend())
    .inSingletonScope();
});
