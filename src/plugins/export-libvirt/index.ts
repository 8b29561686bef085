import { ContainerModule } from "inversify";

import { ExportFormat } from "../../core/ports/index.js";
import { LibvirtFolderFormat } from "./libvirt-folder.js";
import { RedefineStreamFormat } from "./redefine-stream.js";

/** Snapshots for libvirt, at rest and running. */
export const exportLibvirtModule = new ContainerModule(({ bind }) => {
  bind<ExportFormat>(ExportFormat).to(LibvirtFolderFormat);
  bind<ExportFormat>(ExportFormat).to(RedefineStreamFormat);
});
