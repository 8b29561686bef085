import { ContainerModule } from "inversify";

import { DiskBackend, ImageInspector } from "../../core/ports/index.js";
import { DdBackend } from "./dd-backend.js";
import { rawInspector } from "./raw-inspector.js";

export { DdBackend } from "./dd-backend.js";

/** Adds the file copy backend. */
export const ddModule = new ContainerModule(({ bind }) => {
  bind(DiskBackend)
    .toDynamicValue(() => new DdBackend())
    .inSingletonScope();
  bind(ImageInspector).toConstantValue(rawInspector);
});
