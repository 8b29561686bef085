import type { DomainState } from "../../core/model/index.js";
import type { DriverRules } from "../../core/model/driver-rules.js";
import { usageError } from "../command-error.js";
import { defineCommand } from "../command-spec.js";
import { bool, CREATE_FLAG_OF_OPTION, CREATE_OPTIONS } from "./common-options.js";
import { readDomainFile, readSnapshotFile } from "./read-xml-file.js";

const STATES = ["shutoff", "running", "paused"] as const satisfies readonly DomainState[];
const RULES = ["qemu", "test", "domsnap"] as const satisfies readonly DriverRules["name"][];

export const xmlCheck = defineCommand({
  name: "xml check",
  group: "xml",
  summary: "check a snapshot document as libvirt would",
  description:
    "Prints the document as it would be recorded, or the error that libvirt would answer with.\n" +
    "Nothing is changed, and no hypervisor is needed.",
  options: [
    { name: "file", kind: "string", required: true, summary: "snapshot XML", completes: "file" },
    {
      name: "domain",
      kind: "string",
      required: true,
      literal: true,
      summary: "file with the definition of the domain",
      completes: "file",
    },
    {
      name: "domain-state",
      kind: "string",
      literal: true,
      summary: "what the domain does: shutoff (default), running or paused",
      completes: STATES,
    },
    {
      name: "existing",
      kind: "argv",
      literal: true,
      summary: "snapshot XML that the domain has already",
      completes: "file",
    },
    {
      name: "current-snapshot",
      kind: "string",
      literal: true,
      summary: "name of the existing snapshot that is current",
    },
    {
      name: "rules",
      kind: "string",
      literal: true,
      summary: "whose rules: libvirt's qemu (default) or test driver, or domsnap",
      completes: RULES,
    },
    bool("ignore-files", "go by the documents alone, do not look at what stands at their paths"),
    bool("redefine", "the document is about a snapshot that exists"),
    bool("current", "with --redefine: it becomes the current one"),
    ...CREATE_OPTIONS,
  ],
  examples: [
    {
      line: "domsnap xml check snap.xml --domain vm1.xml --domain-state running --disk-only",
      summary: "See which disks it would take, and into which files.",
    },
  ],
  changes: false,
  async run({ args }) {
    const state = choice("domain-state", args.text("domain-state"), STATES);
    const [document, domainXml, ...existing] = await Promise.all([
      readSnapshotFile(args.requiredText("file")),
      readDomainFile(args.requiredText("domain")),
      ...args.list("existing").map(readSnapshotFile),
    ]);
    const current = args.text("current-snapshot");
    const rules = await rulesOf(choice("rules", args.text("rules"), RULES));
    const { checkSnapshotXml } = await import("../../xml/check.js");
    const { probeFile } = await import("../../host/probe-file.js");
    const { snapshot, xml } = checkSnapshotXml({
      document,
      domain: { xml: domainXml, ...(state !== undefined && { state }) },
      existing,
      flags: args.flags({ redefine: "redefine", current: "current", ...CREATE_FLAG_OF_OPTION }),
      rules,
      ...(!args.has("ignore-files") && { probe: probeFile }),
      ...(current !== undefined && { current }),
    });
    return { text: xml, data: { name: snapshot.name, xml } };
  },
});

function choice<Value extends string>(
  option: string,
  text: string | undefined,
  values: readonly Value[],
): Value | undefined {
  const value = values.find((candidate) => candidate === text);
  if (text !== undefined && value === undefined)
    throw usageError(`--${option} must be one of: ${values.join(", ")}`);
  return value;
}

async function rulesOf(name: DriverRules["name"] = "qemu"): Promise<DriverRules> {
  const { domsnapRules, qemuRules, testRules } = await import("../../core/model/driver-rules.js");
  return { qemu: qemuRules, test: testRules, domsnap: domsnapRules }[name];
}
