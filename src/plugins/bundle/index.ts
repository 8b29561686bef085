import { ContainerModule } from "inversify";

import { ExportFormat, ImportSource } from "../../core/ports/index.js";
import { BundleFormat } from "./bundle-format.js";
import { BundleSource } from "./bundle-source.js";

/** Domains with their trees as folders that can be moved, out and in. */
export const bundleModule = new ContainerModule(({ bind }) => {
  bind<ExportFormat>(ExportFormat).to(BundleFormat);
  bind<ImportSource>(ImportSource).to(BundleSource);
});
