import { defineCommand } from "../command-spec.js";
import { bool, DOMAIN, XPATH_OPTIONS } from "./common-options.js";
import { selectXml } from "./xpath.js";

export const dumpxml = defineCommand({
  name: "dumpxml",
  group: "domain",
  summary: "print the XML of a domain",
  options: [DOMAIN, bool("inactive", "the definition of the next start"), ...XPATH_OPTIONS],
  changes: false,
  async run(context) {
    const { args } = context;
    const domain = await context.glance();
    const inactive = args.has("inactive") ? domain.inactiveDefinition : undefined;
    const { xml } = inactive ?? domain.definition;
    const shown = args.has("security-info") ? xml : await withoutSecrets(xml);
    const text = selectXml(`${shown}\n`, args);
    return { text, data: { name: domain.name, xml: text } };
  },
});

/** The reader is loaded on use, so that help comes at once. */
async function withoutSecrets(xml: string): Promise<string> {
  const { withoutSecurityInfo } = await import("../../xml/index.js");
  return withoutSecurityInfo(xml);
}
