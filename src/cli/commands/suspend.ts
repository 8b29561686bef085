import { powerCommand } from "./power-command.js";

export const suspend = powerCommand({
  verb: "suspend",
  summary: "suspend a domain",
  done: "suspended",
});
