import { powerCommand } from "./power-command.js";

export const shutdown = powerCommand({
  verb: "shutdown",
  summary: "gracefully shutdown a domain",
  description: "Asks the guest and does not wait for it.",
  done: "is being shutdown",
});
