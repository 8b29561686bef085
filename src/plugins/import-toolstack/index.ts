import { ContainerModule } from "inversify";

import { ImportSource } from "../../core/ports/index.js";
import { InformationFilesSource } from "./information-files-source.js";

/** Snapshots that the proposals for xl describe. */
export const importToolstackModule = new ContainerModule(({ bind }) => {
  bind<ImportSource>(ImportSource).to(InformationFilesSource);
});
