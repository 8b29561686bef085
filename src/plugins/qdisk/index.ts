import { ContainerModule } from "inversify";

import { DiskBackend, ImageInspector } from "../../core/ports/index.js";
import { QdiskBackend } from "./qdisk-backend.js";
import { QemuInspector } from "./qemu-inspector.js";

export { QdiskBackend } from "./qdisk-backend.js";

/** Adds the backend for images that QEMU serves. */
export const qdiskModule = new ContainerModule(({ bind }) => {
  bind(DiskBackend)
    .toDynamicValue(() => new QdiskBackend())
    .inSingletonScope();
  bind(ImageInspector)
    .toDynamicValue(() => new QemuInspector())
    .inSingletonScope();
});
