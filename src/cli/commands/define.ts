import type { DomainRegistry } from "../../core/ports/index.js";
import { underHeadline } from "../command-error.js";
import { defineCommand, type CommandResult } from "../command-spec.js";
import { domainJson } from "../render/json.js";
import { decodeDomain, readBytes } from "./read-xml-file.js";
import { requireRegistry } from "./registry.js";

export const define = defineCommand({
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
    const bytes = await readBytes(file);
    const registry = await requireRegistry(context, "virDomainDefineXML");
    return underHeadline(`Failed to define domain from ${file}`, async () => {
      const xml = await decodeDomain(bytes);
      return context.dryRun ? planDefinition(xml, file) : defineDomain(registry, xml, file);
    });
  },
});

async function defineDomain(
  registry: DomainRegistry,
  xml: string,
  file: string,
): Promise<CommandResult> {
  const domain = await registry.define(xml);
  return {
    notice: `Domain '${domain.name}' defined from ${file}\n`,
    data: { domain: domainJson(domain), executed: true },
  };
}

/** Reads the definition without keeping it. */
async function planDefinition(xml: string, file: string): Promise<CommandResult> {
  const { parseDomain } = await import("../../xml/domain.js");
  const { name, uuid } = parseDomain(xml, { generateUuid: () => crypto.randomUUID() });
  return {
    text: `Plan: define domain '${name}' from ${file}\n`,
    data: { domain: { name, uuid }, executed: false },
  };
}
