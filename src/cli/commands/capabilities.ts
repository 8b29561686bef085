import type { Domain } from "../../core/model/index.js";
import type { DiskCapabilities } from "../../core/operations/results.js";
import type { CommandContext, CommandSpec } from "../command-spec.js";
import { safeText } from "../render/display-text.js";
import { formatTable } from "../render/table.js";
import { DOMAIN } from "./common-options.js";

export const capabilities: CommandSpec = {
  name: "capabilities",
  group: "host",
  summary: "tell what snapshots are possible, disk by disk",
  description:
    "For each disk: which kinds of snapshot it can have, by which backend, and where it can't,\n" +
    "why not and what would change that. Without a domain, for all of the connection.",
  options: [{ ...DOMAIN, required: false }],
  changes: false,
  async run(context) {
    const service = await context.service();
    const domains = context.args.has("domain")
      ? [await context.domain()]
      : await service.listDomains();
    const described = await Promise.all(
      domains.map(async (domain) => ({ domain, disks: await assess(context, domain) })),
    );
    const head = [
      `Connection: ${service.uri}\n`,
      `Definitions: ${service.registry ? "kept here (define, undefine)" : "kept elsewhere"}\n`,
    ];
    return {
      text: [...head, ...described.map(formatDomain)].join(""),
      data: {
        uri: service.uri,
        definesDomains: service.registry !== undefined,
        domains: described.map(({ domain, disks }) => ({ name: domain.name, disks })),
      },
    };
  },
};

async function assess(
  context: CommandContext,
  domain: Domain,
): Promise<readonly DiskCapabilities[]> {
  return (await context.service()).diskCapabilities(domain.uuid);
}

function formatDomain({
  domain,
  disks,
}: {
  domain: Domain;
  disks: readonly DiskCapabilities[];
}): string {
  const rows = disks.flatMap((disk) =>
    disk.forms.map(({ mode, format, backend, verdict }) => [
      disk.target + (disk.selectedByDefault ? "" : " (not by default)"),
      format === undefined ? mode : `${mode} ${format}`,
      backend ?? "-",
      verdict.possible ? "yes" : `no: ${verdict.reason}; ${verdict.remedy}`,
    ]),
  );
  const table =
    rows.length === 0
      ? " (no disks)\n"
      : formatTable(["Disk", "Snapshot", "Backend", "Possible"], rows);
  return `\nDomain ${safeText(domain.name)}\n${table}`;
}
