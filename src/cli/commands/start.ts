import { defineCommand } from "../command-spec.js";
import { bool, DOMAIN } from "./common-options.js";
import { switchPower } from "./power-command.js";

export const start = defineCommand({
  name: "start",
  group: "domain",
  summary: "start a (previously defined) inactive domain",
  options: [DOMAIN, bool("paused", "leave the guest paused after creation")],
  changes: true,
  run(context) {
    const paused = context.args.has("paused");
    return switchPower(context, { verb: "start", paused }, "started");
  },
});
