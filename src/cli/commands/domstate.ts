import { defineCommand } from "../command-spec.js";
import { domainJson } from "../render/json.js";
import { bool, DOMAIN } from "./common-options.js";
import { DOMAIN_STATE_TEXT } from "./domain-state-text.js";

export const domstate = defineCommand({
  name: "domstate",
  group: "domain",
  summary: "print the state of a domain",
  options: [DOMAIN, bool("reason", "also print the reason for it")],
  changes: false,
  async run(context) {
    const domain = await context.domain();
    const reason = context.args.has("reason") ? " (unknown)" : "";
    return { text: `${DOMAIN_STATE_TEXT[domain.state]}${reason}\n`, data: domainJson(domain) };
  },
});
