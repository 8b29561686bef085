import { ContainerModule } from "inversify";

import { ImageInspectors } from "../../core/plan/image-inspectors.js";
import { ImageInspector, ImportSource } from "../../core/ports/index.js";
import { ImagesSource } from "./images-source.js";

/** Snapshots that only the images of a domain know of. Needs the image inspectors. */
export const importImagesModule = new ContainerModule(({ bind }) => {
  bind<ImportSource>(ImportSource).toDynamicValue(
    (context) =>
      new ImagesSource(new ImageInspectors(context.getAll<ImageInspector>(ImageInspector))),
  );
});
