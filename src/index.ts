/** domsnap as a library: open a connection by its URI, and use its snapshots. */
export { createContainer, openSnapshotService } from "./container.js";
export * from "./core/errors/index.js";
export type { ProgressEvent } from "./core/execute/progress-event.js";
export * from "./core/model/index.js";
export type * from "./core/operations/shared/results.js";
export type { SnapshotService } from "./core/operations/snapshot-service.js";
export type { Operation, Plan } from "./core/model/operation.js";
export * from "./xl.js";
