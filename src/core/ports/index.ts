export * from "./connection.js";
export * from "./disk-backend.js";
export * from "./domain-guard.js";
export * from "./host-files.js";
export * from "./operation-handler.js";
export * from "./snapshot-documents.js";
export * from "./snapshot-store.js";
export * from "./toolstack.js";
