import { ContainerModule } from "inversify";
import { DiskBackend, ImageInspector } from "../../core/ports/index.js";
import { BlktapBackend } from "./blktap-backend.js";
import { VhdInspector } from "./vhd-inspector.js";

export { BlktapBackend } from "./blktap-backend.js";

/** Adds the backend for images that tapdisk serves. */
export const blktapModule = new ContainerModule(({ bind }) => {
  bind(DiskBackend)
    .toDynamicValue(() => new BlktapBackend())
    .inSingletonScope();
  bind(ImageInspector)
    .toDynamicValue(() => new VhdInspector())
    .inSingletonScope();
});
