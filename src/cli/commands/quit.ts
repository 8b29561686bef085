import { defineCommand, type CommandSpec } from "../command-spec.js";

export const quit = defineCommand({
  name: "quit",
  group: "domsnap",
  summary: "leave the interactive terminal",
  options: [],
  changes: false,
  run: () => ({ data: {}, quit: true }),
});

export const exit: CommandSpec = { ...quit, name: "exit" };
