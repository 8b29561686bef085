import { bool } from "./common-options.js";
import { powerCommand } from "./power-command.js";

export const start = powerCommand({
  verb: "start",
  summary: "start a (previously defined) inactive domain",
  options: [bool("paused", "leave the guest paused after creation")],
  done: "started",
  action: ({ args }) => ({ verb: "start", paused: args.has("paused") }),
});
