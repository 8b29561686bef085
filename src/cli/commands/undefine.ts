import { DomsnapError } from "../../core/errors/index.js";
import { isActive, type Domain } from "../../core/model/index.js";
import { underHeadline } from "../command-error.js";
import type { CommandContext, CommandSpec } from "../command-spec.js";
import { domainJson } from "../render/json.js";
import { bool, DOMAIN } from "./common-options.js";
import { requireRegistry } from "./registry.js";

export const undefine: CommandSpec = {
  name: "undefine",
  group: "domain",
  summary: "remove the definition of a domain",
  description: "Images are never touched. A domain with snapshots needs --snapshots-metadata.",
  options: [DOMAIN, bool("snapshots-metadata", "also remove the records of all of its snapshots")],
  changes: true,
  async run(context) {
    const domain = await context.domain();
    const typed = context.args.requiredText("domain");
    const registry = await requireRegistry(context, "virDomainUndefine");
    const roots = await findSnapshotsToForget(context, domain, typed);
    const data = { domain: domainJson(domain), executed: !context.dryRun };
    if (context.dryRun)
      return {
        text: `Plan: undefine domain '${domain.name}', with ${roots.length} snapshot trees\n`,
        data,
      };
    await underHeadline(`Failed to undefine domain '${typed}'`, async () => {
      await forgetSnapshots(context, domain, roots);
      await registry.undefine(domain.uuid);
    });
    return { notice: `Domain '${typed}' has been undefined\n`, data };
  },
};

/** Roots of the trees that have to go first. An active domain keeps them until it stops. */
async function findSnapshotsToForget(
  context: CommandContext,
  domain: Domain,
  typed: string,
): Promise<string[]> {
  if (isActive(domain)) return [];
  const service = await context.service();
  const { heads } = await service.list(domain.uuid);
  if (heads.length > 0 && !context.args.has("snapshots-metadata"))
    await underHeadline(`Failed to undefine domain '${typed}'`, () =>
      Promise.reject(
        new DomsnapError(
          "operation-invalid",
          `cannot delete inactive domain with ${heads.length} snapshots`,
          { hint: "Repeat with --snapshots-metadata to remove their records; images stay." },
        ),
      ),
    );
  return (await service.list(domain.uuid, { flags: { roots: true } })).heads.map(
    ({ name }) => name,
  );
}

async function forgetSnapshots(
  context: CommandContext,
  domain: Domain,
  roots: readonly string[],
): Promise<void> {
  const service = await context.service();
  // libvirt's test driver has no images, and no flag that would spare them.
  const metadataOnly = !service.uri.startsWith("test:");
  for (const root of roots)
    await service.delete(
      domain.uuid,
      root,
      { children: true, ...(metadataOnly && { metadataOnly }) },
      context.changeOptions(),
    );
}
