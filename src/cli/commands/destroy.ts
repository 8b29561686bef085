import { powerCommand } from "./power-command.js";

export const destroy = powerCommand({
  verb: "destroy",
  summary: "destroy (stop) a domain",
  description: "At once, as by pulling the plug. The definition, its images and snapshots stay.",
  done: "destroyed",
});
