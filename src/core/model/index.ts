export * from "./backend-offer.js";
export * from "./domain.js";
export * from "./driver-rules.js";
export * from "./flags.js";
export type * from "./operation.js";
export * from "./snapshot-mode.js";
export * from "./snapshot.js";
export * from "./snapshot-tree.js";
export * from "./storage.js";
