import { defineCommand } from "../command-spec.js";
import { snapshotJson } from "../render/json.js";
import { changeOutput } from "./change-output.js";
import {
  bool,
  CREATE_FLAG_OF_OPTION,
  CREATE_OPTIONS,
  DOMAIN,
  quiesceOptions,
} from "./common-options.js";
import { readSnapshotFile } from "./read-xml-file.js";

export const snapshotCreate = defineCommand({
  name: "snapshot-create",
  group: "snapshot",
  summary: "create a snapshot from XML",
  description:
    "Takes a snapshot of disks and memory as a libvirt <domainsnapshot> document tells.\n" +
    "Without a document everything is left to the defaults.",
  options: [
    DOMAIN,
    { name: "xmlfile", kind: "string", summary: "snapshot XML", completes: "file" },
    bool("redefine", "only record a snapshot that exists already"),
    bool("current", "with --redefine: make it the current snapshot"),
    ...CREATE_OPTIONS,
  ],
  examples: [
    { line: "domsnap snapshot-create vm1 snap.xml", summary: "Take the snapshot of the document." },
    {
      line: "domsnap --dry-run snapshot-create vm1 snap.xml",
      summary: "Print, disk by disk, what would be done.",
    },
  ],
  changes: true,
  async run(context) {
    const { args } = context;
    const domain = await context.domain();
    const file = args.text("xmlfile");
    const document = file === undefined ? "<domainsnapshot/>" : await readSnapshotFile(file);
    const flags = args.flags({
      redefine: "redefine",
      current: "current",
      ...CREATE_FLAG_OF_OPTION,
    });
    const service = await context.service();
    const result = await service.create(domain.uuid, document, flags, {
      ...context.changeOptions(),
      ...quiesceOptions(args),
    });
    const origin = file === undefined ? "" : ` from '${file}'`;
    return changeOutput(result, `Domain snapshot ${result.snapshot.name} created${origin}`, {
      snapshot: snapshotJson(result.snapshot),
    });
  },
});
