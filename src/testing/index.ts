export * from "./disk-backend-contract.js";
export * from "./domain-lock-contract.js";
export * from "./expect-error.js";
export * from "./journal-contract.js";
export * from "./samples.js";
export * from "./snapshot-store-contract.js";
export * from "./toolstack-contract.js";
