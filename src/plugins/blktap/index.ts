import { ContainerModule } from "inversify";
import { DiskBackend } from "../../core/ports/index.js";
import { BlktapBackend } from "./blktap-backend.js";

export { BlktapBackend } from "./blktap-backend.js";

/** Adds the backend for images that tapdisk serves. */
export const blktapModule = new ContainerModule(({ bind }) => {
  bind(DiskBackend)
    .toDynamicValue(() => new BlktapBackend())
    .inSingletonScope();
});
