/**
 * What the author of a plugin needs: the ports with their inversify identifiers, the model, the
 * operations, and the error family. See docs/plugin-guide.md.
 */
export * from "./core/errors/index.js";
export * from "./core/model/index.js";
export * from "./core/model/operation.js";
export * from "./core/ports/index.js";
export type { DriverRules } from "./core/model/driver-rules.js";
export { domsnapRules, qemuRules, testRules } from "./core/model/driver-rules.js";
