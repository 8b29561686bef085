/** domsnap as a library: open a connection by its URI, and use its snapshots. */
export { createContainer, openSnapshotService } from "./container.js";
export * from "./core/errors/index.js";
export type { ProgressEvent } from "./core/execute/progress-event.js";
export * from "./core/model/index.js";
export type * from "./core/operations/results.js";
export type { SnapshotService } from "./core/operations/snapshot-service.js";
export type { Operation, Plan } from "./core/plan/operation.js";
export {
  diskOfDiskSnapshot,
  diskSnapshotOfDisk,
  domainDiskOfXlDisk,
  formatXlDisk,
  parseXlDisk,
  xlDiskFromJson,
  xlDiskOfDomainDisk,
  xlDiskToJson,
  type LibxlDisk,
  type XlDisk,
} from "./plugins/lib/xl-disk/index.js";
export {
  formatInformationFile,
  formatLibxlSnapshot,
  fromToolstackSnapshot,
  parseInformationFile,
  parseLibxlSnapshot,
  toToolstackSnapshot,
  translateSnapshot,
  type ToolstackSnapshot,
  type Translation,
  type TranslationInput,
} from "./plugins/lib/xl-snapshot/index.js";
