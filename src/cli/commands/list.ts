import { isActive, type Domain } from "../../core/model/index.js";
import { defineCommand } from "../command-spec.js";
import type { BoolOption, CommandArguments } from "../grammar/command-arguments.js";
import { domainJson } from "../render/json.js";
import { formatTable } from "../render/table.js";
import { bool } from "./common-options.js";
import { DOMAIN_STATE_TEXT } from "./domain-state-text.js";

export const list = defineCommand({
  name: "list",
  group: "domain",
  summary: "list domains",
  description: "Without a filter only active domains are listed.",
  options: [
    bool("inactive", "domains that are not active"),
    bool("all", "active and inactive domains"),
    bool("uuid", "print uuids"),
    bool("name", "print names"),
    bool("id", "print ids"),
    bool("table", "print a table (default)"),
  ],
  changes: false,
  async run({ args, quiet, service }) {
    for (const column of ["uuid", "name", "id"] as const) args.assertExclusive("table", column);
    const connection = await service();
    const domains = [...(await connection.listDomains())]
      .filter((domain) => isWanted(domain, args))
      .sort(compareDomains);
    const problems = await connection.listProblems();
    const plain = formatPlain(domains, args);
    const header = quiet ? undefined : ["Id", "Name", "State"];
    const rows = domains.map((domain) => [
      idText(domain),
      domain.name,
      DOMAIN_STATE_TEXT[domain.state],
    ]);
    return {
      text: plain ?? formatTable(header, rows),
      data: { domains: domains.map(domainJson), problems },
      warnings: problems.map(
        ({ definition, reason }) => `a domain is not listed: '${definition}': ${reason}`,
      ),
    };
  },
});

function isWanted(domain: Domain, args: CommandArguments<BoolOption<"all" | "inactive">>): boolean {
  return args.has("all") || isActive(domain) !== args.has("inactive");
}

/** Active ones first, by id; the others by name. */
function compareDomains(a: Domain, b: Domain): number {
  if (a.id !== undefined && b.id !== undefined) return a.id - b.id;
  if (a.id !== b.id) return a.id === undefined ? 1 : -1;
  return Buffer.compare(Buffer.from(a.name.toLowerCase()), Buffer.from(b.name.toLowerCase()));
}

/** What `--uuid`, `--name` and `--id` print, one line a domain; undefined without any of them. */
function formatPlain(
  domains: readonly Domain[],
  args: CommandArguments<BoolOption<"uuid" | "id" | "name">>,
): string | undefined {
  const columns: ((domain: Domain) => string)[] = [
    ...(args.has("uuid") ? [({ uuid }: Domain) => uuid] : []),
    ...(args.has("id") ? [idText] : []),
    ...(args.has("name") ? [({ name }: Domain) => name] : []),
  ];
  if (columns.length === 0) return undefined;
  return domains.map((domain) => `${columns.map((column) => column(domain)).join(" ")}\n`).join("");
}

function idText({ id }: Domain): string {
  return id === undefined ? "-" : String(id);
}
