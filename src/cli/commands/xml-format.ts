import type { CommandSpec } from "../command-spec.js";
import { readTextFile } from "./read-text-file.js";

export const xmlFormat: CommandSpec = {
  name: "xml format",
  group: "document",
  summary: "print a snapshot document in libvirt's layout",
  options: [
    { name: "file", kind: "string", required: true, summary: "snapshot XML", completes: "file" },
  ],
  changes: false,
  async run({ args }) {
    const text = await readTextFile(args.requiredText("file"));
    const { formatSnapshotXml } = await import("../../xml/check.js");
    const xml = formatSnapshotXml(text);
    return { text: xml, data: { xml } };
  },
};
