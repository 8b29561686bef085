import { defineCommand } from "../command-spec.js";
import { DOMAIN, SNAPSHOT_NAME, XPATH_OPTIONS } from "./common-options.js";
import { selectXml } from "./xpath.js";

export const snapshotDumpxml = defineCommand({
  name: "snapshot-dumpxml",
  group: "snapshot",
  summary: "print the XML of a snapshot",
  description: "Prints the document of a snapshot, byte for byte as libvirt would.",
  options: [DOMAIN, { ...SNAPSHOT_NAME, required: true }, ...XPATH_OPTIONS],
  changes: false,
  async run(context) {
    const { args } = context;
    const name = args.requiredText("snapshotname");
    const domain = await context.identity();
    const service = await context.service();
    const document = await service.getXml(domain.uuid, name, { secure: args.has("security-info") });
    const xml = selectXml(document, args);
    return { text: xml, data: { name, xml } };
  },
});
