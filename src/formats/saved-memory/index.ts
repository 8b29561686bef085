export { lookAtMemory } from "./look-at-memory.js";
export { recognizeMemory } from "./recognize.js";
