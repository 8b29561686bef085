export * from "./block-graph.js";
export * from "./memory-sink.js";
export * from "./migration.js";
export { assertSocketPath } from "./monitor-socket.js";
export {
  QmpClient,
  withQmp,
  type QmpConnectOptions,
  type QmpEventMatch,
  type WaitOptions,
} from "./qmp-client.js";
export { QmpFailure, qmpFailureOf } from "./qmp-failure.js";
export * from "./qmp-jobs.js";
export type { QmpEvent } from "./qmp-message.js";
export * from "./qmp-transaction.js";
export { readReply } from "./read-reply.js";
