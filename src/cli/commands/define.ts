import { underHeadline } from "../command-error.js";
import type { CommandSpec } from "../command-spec.js";
import { domainJson } from "../render/json.js";
import { readTextFile } from "./read-text-file.js";
import { requireRegistry } from "./registry.js";

export const define: CommandSpec = {
  name: "define",
  group: "domain",
  summary: "define (but don't start) a domain from an XML file",
  description: "Adds a definition, or replaces the one with the same name and uuid.",
  options: [
    {
      name: "file",
      kind: "string",
      required: true,
      summary: "file with a libvirt domain definition",
      completes: "file",
    },
  ],
  changes: true,
  async run(context) {
    const file = context.args.requiredText("file");
    const xml = await readTextFile(file);
    const registry = await requireRegistry(context, "virDomainDefineXML");
    if (context.dryRun) {
      const { parseDomain } = await import("../../xml/domain.js");
      const { name } = await underHeadline(`Failed to define domain from ${file}`, () =>
        Promise.resolve().then(() => parseDomain(xml, { generateUuid: () => "" })),
      );
      return {
        text: `Plan: define domain '${name}' from ${file}\n`,
        data: { name, executed: false },
      };
    }
    const domain = await underHeadline(`Failed to define domain from ${file}`, () =>
      registry.define(xml),
    );
    return {
      notice: `Domain '${domain.name}' defined from ${file}\n`,
      data: { domain: domainJson(domain), executed: true },
    };
  },
};
