export { AgentClient } from "./agent-client.js";
export * from "./file-system-freeze.js";
