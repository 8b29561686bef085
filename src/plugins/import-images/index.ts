import { ContainerModule } from "inversify";

import { BackendRegistry } from "../../core/plan/backend-registry.js";
import { DiskBackend, ImportSource } from "../../core/ports/index.js";
import { ImagesSource } from "./images-source.js";

/** Snapshots that only the images of a domain know of. Needs the disk backends. */
export const importImagesModule = new ContainerModule(({ bind }) => {
  bind<ImportSource>(ImportSource).toDynamicValue(
    (context) => new ImagesSource(new BackendRegistry(context.getAll<DiskBackend>(DiskBackend))),
  );
});
