import { defineCommand } from "../command-spec.js";
import { bool, DOMAIN } from "./common-options.js";
import { switchPower } from "./power-command.js";

export const destroy = defineCommand({
  name: "destroy",
  group: "domain",
  summary: "destroy (stop) a domain",
  description:
    "At once, as by pulling the plug. The definition, its images and snapshots stay. A hypervisor\n" +
    "that has not reacted for two seconds is killed, unless --graceful forbids it.",
  options: [DOMAIN, bool("graceful", "terminate gracefully")],
  changes: true,
  run(context) {
    const graceful = context.args.has("graceful");
    return switchPower(context, { verb: "destroy", graceful }, "destroyed");
  },
});
