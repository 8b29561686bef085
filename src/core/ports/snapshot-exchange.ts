import type { ExportFormat } from "./export-format.js";
import type { ImportSource } from "./import-source.js";

/** All ways in and out for snapshots that others keep. */
export interface SnapshotExchange {
  readonly importSources: readonly ImportSource[];
  readonly exportFormats: readonly ExportFormat[];
}
