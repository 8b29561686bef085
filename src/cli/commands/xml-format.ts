import { defineCommand } from "../command-spec.js";
import { readSnapshotFile } from "./read-xml-file.js";

export const xmlFormat = defineCommand({
  name: "xml format",
  group: "xml",
  summary: "print a snapshot document in libvirt's layout",
  options: [
    { name: "file", kind: "string", required: true, summary: "snapshot XML", completes: "file" },
  ],
  changes: false,
  async run({ args }) {
    const text = await readSnapshotFile(args.requiredText("file"));
    const { formatSnapshotXml } = await import("../../xml/check.js");
    const xml = formatSnapshotXml(text);
    return { text: xml, data: { xml } };
  },
});
