import { ContainerModule } from "inversify";

import { ImportSource } from "../../core/ports/index.js";
import { DocumentsSource } from "./documents-source.js";
import { VirshSource } from "./virsh-source.js";

/** Snapshots that libvirt keeps: its metadata files, dumped documents, a live connection. */
export const importLibvirtModule = new ContainerModule(({ bind }) => {
  bind<ImportSource>(ImportSource).to(VirshSource);
  bind<ImportSource>(ImportSource).to(DocumentsSource);
});
