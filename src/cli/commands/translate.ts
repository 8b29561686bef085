import { usageError } from "../command-error.js";
import { defineCommand } from "../command-spec.js";
import { planJson } from "../render/json.js";
import { formatPlan } from "../render/plan.js";
import { bool } from "./common-options.js";
import { readDomainFile, readSnapshotFile } from "./read-xml-file.js";

const FORMS = ["plan", "libxl-json", "xl"] as const;
const STATES = ["shutoff", "running", "paused"] as const;

export const translate = defineCommand({
  name: "translate",
  group: "xml",
  summary: "turn a snapshot document into what a Xen toolstack needs",
  description:
    "Aligns the document with the definition of its domain and prints the operations that a driver\n" +
    "has to carry out ('plan'), the snapshot as libxl's JSON ('libxl-json'), or the information\n" +
    "file of xl ('xl'). No file but the two is looked at, and no hypervisor is needed.",
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
      name: "to",
      kind: "string",
      required: true,
      literal: true,
      summary: "plan, libxl-json or xl",
      completes: FORMS,
    },
    {
      name: "domain-state",
      kind: "string",
      literal: true,
      summary: "what the domain does: shutoff (default), running or paused",
      completes: STATES,
    },
    bool("disk-only", "capture the disks, not the memory"),
  ],
  examples: [
    {
      line: "domsnap translate snap.xml --domain vm1.xml --domain-state running --to plan",
      summary: "See what a driver has to do.",
    },
  ],
  changes: false,
  async run({ args }) {
    const form = FORMS.find((one) => one === args.text("to"));
    if (form === undefined) throw usageError(`--to must be one of: ${FORMS.join(", ")}`);
    const stateText = args.text("domain-state");
    const domainState = STATES.find((one) => one === stateText);
    if (stateText !== undefined && domainState === undefined)
      throw usageError(`--domain-state must be one of: ${STATES.join(", ")}`);
    const { translateSnapshot } = await import("../../xl.js");
    const { plan, libxlJson, xl } = translateSnapshot({
      document: await readSnapshotFile(args.requiredText("file")),
      domainXml: await readDomainFile(args.requiredText("domain")),
      diskOnly: args.has("disk-only"),
      ...(domainState !== undefined && { domainState }),
    });
    switch (form) {
      case "plan":
        return { text: formatPlan(plan), data: planJson(plan) };
      case "libxl-json":
        return { text: libxlJson, data: JSON.parse(libxlJson) as unknown };
      case "xl":
        return { text: xl, data: { xl } };
    }
  },
});
