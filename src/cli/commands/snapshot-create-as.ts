import { usageError } from "../command-error.js";
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
import { backendsOf, formatSnapshotWords } from "./snapshot-specs.js";

export const snapshotCreateAs = defineCommand({
  name: "snapshot-create-as",
  group: "snapshot",
  summary: "create a snapshot from arguments",
  description:
    "Takes a snapshot of disks and memory. A comma inside of a file name is written twice. Who keeps\n" +
    "a disk may be chosen with backend=NAME; 'domsnap capabilities DOMAIN' tells who can. The record\n" +
    "remembers it, so that whatever is done with the snapshot later is done by the same backend.",
  options: [
    DOMAIN,
    { name: "name", kind: "string", summary: "name of the snapshot (default: epoch seconds)" },
    { name: "description", kind: "string", summary: "description of the snapshot" },
    bool("print-xml", "print the XML document instead of taking the snapshot"),
    ...CREATE_OPTIONS,
    {
      name: "memspec",
      kind: "string",
      literal: true,
      summary: "memory: [file=]name[,snapshot=type]",
    },
    {
      name: "diskspec",
      kind: "argv",
      summary: "disk: disk[,snapshot=type][,driver=type][,stype=type][,file=name][,backend=name]",
      completes: "diskspec",
    },
  ],
  examples: [
    { line: "domsnap snapshot-create-as vm1 before-upgrade", summary: "Take a named snapshot." },
    {
      line: "domsnap snapshot-create-as vm1 s2 --disk-only --diskspec vda,file=/img/vda.s2.qcow2",
      summary: "Take an external snapshot of one disk into a file of your choice.",
    },
    {
      line: "domsnap snapshot-create-as vm1 s2 --disk-only --diskspec vdb,backend=dd",
      summary: "Keep one disk as a whole copy, whatever its usual backend is.",
    },
    {
      line: "domsnap snapshot-create-as vm1 s3 --disk-only --quiesce-mode try",
      summary: "Let the guest's agent freeze the file systems, if there is one that can.",
    },
  ],
  changes: true,
  async run(context) {
    const { args } = context;
    const domain = await context.domain();
    const service = await context.service();
    const diskspecs = args.list("diskspec");
    // Where there is none to choose it is a key like any that virsh does not know.
    const withBackends = service.backends.length > 0;
    const document = formatSnapshotWords({
      name: args.text("name"),
      description: args.text("description"),
      memspec: args.text("memspec"),
      diskspecs,
      withBackends,
    });
    const backends = withBackends ? backendsOf(diskspecs) : new Map<string, string>();
    if (args.has("print-xml") && backends.size > 0)
      throw usageError("the document has no place for backend=: leave it out, or --print-xml");
    if (args.has("print-xml")) return { text: `${document}\n`, data: { xml: document } };
    const flags = args.flags(CREATE_FLAG_OF_OPTION);
    const result = await service.create(domain.uuid, document, flags, {
      ...context.changeOptions(),
      ...quiesceOptions(args),
      backends,
    });
    return changeOutput(result, `Domain snapshot ${result.snapshot.name} created`, {
      snapshot: snapshotJson(result.snapshot),
    });
  },
});
