export * from "./domain.js";
export * from "./flags.js";
export * from "./snapshot.js";
export * from "./snapshot-tree.js";
export * from "./storage.js";
