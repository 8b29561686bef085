import { textOfProblem } from "../../core/rules/index.js";
import type { ListFlags, SnapshotHead, DomainName } from "../../core/model/index.js";
import type { SnapshotListing } from "../../core/operations/shared/results.js";
import { usageError } from "../command-error.js";
import { defineCommand, type CommandContext } from "../command-spec.js";
import type { ReadableOption } from "../grammar/command-arguments.js";
import type { OptionSpec } from "../grammar/option-spec.js";
import { snapshotJson } from "../render/json.js";
import { snapshotTrees, sortByName } from "../render/snapshot-rows.js";
import { formatTable } from "../render/table.js";
import { formatTime } from "../render/time.js";
import { formatTree } from "../render/tree.js";
import { bool, DOMAIN } from "./common-options.js";

const FLAG_OF_OPTION = {
  roots: "roots",
  leaves: "leaves",
  "no-leaves": "noLeaves",
  metadata: "metadata",
  "no-metadata": "noMetadata",
  inactive: "inactive",
  active: "active",
  "disk-only": "diskOnly",
  internal: "internal",
  external: "external",
  topological: "topological",
} as const;

const OPTIONS = [
  DOMAIN,
  bool("parent", "add a column with the parent"),
  bool("roots", "only snapshots without a parent"),
  bool("leaves", "only snapshots without children"),
  bool("no-leaves", "only snapshots with children"),
  bool("metadata", "only snapshots with a record"),
  bool("no-metadata", "only snapshots without a record"),
  bool("inactive", "taken while the domain was off"),
  bool("active", "taken while the domain was running"),
  bool("disk-only", "taken of the disks of a running domain"),
  bool("internal", "kept inside of the disk images"),
  bool("external", "kept in files of their own"),
  bool("tree", "as a tree"),
  {
    name: "from",
    kind: "string",
    summary: "only children of this snapshot",
    completes: "snapshot",
  },
  bool("current", "only children of the current snapshot"),
  bool("descendants", "with --from or --current: all below"),
  bool("name", "names only"),
  bool("topological", "parents before children instead of by name"),
] as const satisfies readonly OptionSpec[];

type ListContext = CommandContext<ReadableOption<(typeof OPTIONS)[number]>>;

export const snapshotList = defineCommand({
  name: "snapshot-list",
  group: "snapshot",
  summary: "list the snapshots of a domain",
  description:
    "Filters of one kind add to each other, filters of different kinds narrow the list down.\n" +
    "A snapshot whose parent does not exist is shown with a remark, never left out.",
  options: OPTIONS,
  examples: [
    { line: "domsnap snapshot-list vm1 --tree", summary: "Show how the snapshots hang together." },
    {
      line: "domsnap --json snapshot-list vm1 --leaves",
      summary: "The newest ones, for a script.",
    },
  ],
  changes: false,
  async run(context) {
    const { args } = context;
    assertCompatible(args);
    const domain = await context.identity();
    const start = await findStart(context, domain);
    const listing = await listSnapshots(context, domain, start);
    const heads = args.has("topological") ? [...listing.heads] : sortByName(listing.heads);
    return {
      text: args.has("tree")
        ? formatTree(snapshotTrees(heads, listing.orphans, start))
        : formatRows(context, heads),
      data: listingJson(listing, heads),
      warnings: listing.problems.map((problem) => `${problem.record}: ${textOfProblem(problem)}`),
    };
  },
});

function assertCompatible(args: ListContext["args"]): void {
  args.assertExclusive("tree", "name");
  args.assertExclusive("parent", "roots");
  args.assertExclusive("parent", "tree");
  args.assertExclusive("roots", "tree");
  args.assertExclusive("roots", "from");
  args.assertExclusive("roots", "current");
  for (const filter of [
    "leaves",
    "no-leaves",
    "inactive",
    "active",
    "disk-only",
    "internal",
    "external",
  ] as const)
    if (args.has(filter) && args.has("tree"))
      throw usageError(`--${filter} and --tree are mutually exclusive`);
  if (args.has("descendants") && !args.has("from") && !args.has("current"))
    throw usageError("--descendants requires either --from or --current");
}

async function listSnapshots(
  { args, service: openService }: ListContext,
  domain: DomainName,
  from: string | undefined,
): Promise<SnapshotListing> {
  const service = await openService();
  const flags: ListFlags = args.flags(FLAG_OF_OPTION);
  if (from === undefined) return service.list(domain.uuid, { flags });
  const descendants = args.has("descendants");
  const below = await service.list(domain.uuid, { from, descendants, flags });
  if (!args.has("tree")) return below;
  const { head } = await service.info(domain.uuid, from);
  return { ...below, heads: [head, ...below.heads] };
}

/** The snapshot that `--from` or `--current` names. */
async function findStart(context: ListContext, domain: DomainName): Promise<string | undefined> {
  const { args } = context;
  const from = args.text("from");
  if (from !== undefined && args.has("current"))
    throw usageError("--from and --current are mutually exclusive");
  return args.has("current") ? (await context.service()).current(domain.uuid) : from;
}

function formatRows({ args, quiet }: ListContext, heads: readonly SnapshotHead[]): string {
  if (args.has("name")) return heads.map(({ name }) => `${name}\n`).join("");
  const parent = args.has("parent");
  const header = ["Name", "Creation Time", "State", ...(parent ? ["Parent"] : [])];
  const rows = heads.map((head) => [
    head.name,
    formatTime(head.creationTime),
    head.state ?? "-",
    ...(parent ? [head.parent ?? ""] : []),
  ]);
  return formatTable(quiet ? undefined : header, rows);
}

export function listingJson(listing: SnapshotListing, heads: readonly SnapshotHead[]): unknown {
  return {
    domain: { name: listing.domain.name, uuid: listing.domain.uuid },
    current: listing.current,
    snapshots: heads.map(snapshotJson),
    orphans: listing.orphans,
    problems: listing.problems,
  };
}
