import { powerCommand } from "./power-command.js";

export const resume = powerCommand({
  verb: "resume",
  summary: "resume a domain",
  done: "resumed",
});
