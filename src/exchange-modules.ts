import type { ContainerModule } from "inversify";

import { bundleModule } from "./plugins/bundle/index.js";
import { exportLibvirtModule } from "./plugins/export-libvirt/index.js";
import { exportToolstackModule } from "./plugins/export-toolstack/index.js";
import { importImagesModule } from "./plugins/import-images/index.js";
import { importLibvirtModule } from "./plugins/import-libvirt/index.js";
import { importToolstackModule } from "./plugins/import-toolstack/index.js";

/** The built-in ways in and out for snapshots that others keep. Loaded when one is needed. */
export const EXCHANGE_MODULES: readonly ContainerModule[] = [
  bundleModule,
  importToolstackModule,
  importLibvirtModule,
  importImagesModule,
  exportLibvirtModule,
  exportToolstackModule,
];
