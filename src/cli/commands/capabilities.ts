import type { Domain } from "../../core/model/index.js";
import type { DiskCapabilities } from "../../core/operations/shared/results.js";
import { defineCommand, type CommandContext } from "../command-spec.js";
import { safeText } from "../render/display-text.js";
import { formatTable } from "../render/table.js";
import { DOMAIN } from "./common-options.js";

export const capabilities = defineCommand({
  name: "capabilities",
  group: "host",
  summary: "tell what snapshots are possible, disk by disk",
  description:
    "For each disk: which kinds of snapshot it can have, by which backend and why by that one, and\n" +
    "where it can't, why not and what would change that. 'By default' is what is taken if a snapshot\n" +
    "asks for internal or external and no more. Without a domain, for all of the connection.",
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
});

type DiskForm = DiskCapabilities["forms"][number];

const HEADER = ["Disk", "Snapshot", "Backend", "By default", "Possible", "Because"];

interface DescribedDomain {
  readonly domain: Domain;
  readonly disks: readonly DiskCapabilities[];
}

async function assess(
  context: CommandContext,
  domain: Domain,
): Promise<readonly DiskCapabilities[]> {
  return (await context.service()).diskCapabilities(domain.uuid);
}

function formatDomain({ domain, disks }: DescribedDomain): string {
  const forms = disks.flatMap((disk) => disk.forms.map((form) => ({ disk, form })));
  const title = `\nDomain ${safeText(domain.name)}\n`;
  if (forms.length === 0) return `${title} (no disks)\n`;
  const rows = forms.map(({ disk, form }) => [
    disk.target,
    formText(form),
    form.backend ?? "-",
    form.byDefault ? "yes" : "no",
    form.verdict.possible ? "yes" : "no",
    form.verdict.possible ? (form.offer?.reason ?? "") : "see below",
  ]);
  const table = formatTable(HEADER, rows);
  const refusals = forms.map(({ disk, form }) => formatRefusal(disk.target, form));
  return [title, table, ...refusals, ...disks.map(formatLeftOut)].join("");
}

function formText({ mode, format }: DiskForm): string {
  return format === undefined ? mode : `${mode} ${format}`;
}

/** A disk that the domain's definition leaves out of snapshots. */
function formatLeftOut({ target, forms, selectedByDefault }: DiskCapabilities): string {
  if (selectedByDefault || forms.length === 0) return "";
  return `  ${safeText(target)}: takes part only if a snapshot names it\n`;
}

/** Why not, and what would change that. */
function formatRefusal(target: string, form: DiskForm): string {
  if (form.verdict.possible) return "";
  const { reason, remedy } = form.verdict;
  return `  ${safeText(`${target}, ${formText(form)}: ${reason}`)}\n    ${safeText(remedy)}\n`;
}
