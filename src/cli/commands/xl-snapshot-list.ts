import { textOfProblem } from "../../core/rules/index.js";
import { DomsnapError } from "../../core/errors/index.js";
import {
  oldestFirst,
  type DiskSnapshot,
  type Domain,
  type SnapshotHead,
  type SnapshotState,
} from "../../core/model/index.js";
import type { SnapshotListing } from "../../core/operations/shared/results.js";
import { defineCommand, type CommandContext } from "../command-spec.js";
import type { BoolOption, TextOption } from "../grammar/command-arguments.js";
import { safeText } from "../render/display-text.js";
import { formatColumns } from "../render/table.js";
import { formatTime } from "../render/time.js";
import { bool } from "./common-options.js";
import { listingJson } from "./snapshot-list.js";
import { XL_COMMAND, XL_DOMAIN, XL_SNAPSHOT } from "./xl-options.js";

export const xlSnapshotList = defineCommand({
  ...XL_COMMAND,
  name: "xl snapshot-list",
  summary: "list the snapshots of one domain or of all",
  description:
    "The oldest comes first. STATE has the letters of 'xl list': r running, b blocked, p paused,\n" +
    "s shut down, d dying; none for a domain that was off, or of which only the disks were taken.",
  options: [
    { ...XL_DOMAIN, required: false, summary: "domain name, id or uuid (default: all)" },
    { ...XL_SNAPSHOT, summary: "only the snapshot of this name" },
    { ...bool("long", "all details"), short: "l" },
  ],
  examples: [
    { line: "domsnap xl snapshot-list vm1", summary: "The snapshots of one domain." },
    { line: "domsnap xl snapshot-list -l -n s1 vm1", summary: "Everything about one of them." },
  ],
  changes: false,
  async run(context) {
    const listings = await readListings(context);
    return {
      text: formatListings(context, listings),
      data: { domains: listings.map((one) => listingJson(one, one.heads)) },
      warnings: listings.flatMap(({ problems }) =>
        problems.map((problem) => `${problem.record}: ${textOfProblem(problem)}`),
      ),
    };
  },
});

/** Sorted, and of those that `-n` names. Throws `no-domain-snapshot` when it names none. */
async function readListings(
  context: CommandContext<TextOption<"domain" | "name">>,
): Promise<SnapshotListing[]> {
  const { args } = context;
  const service = await context.service();
  const domains: readonly Pick<Domain, "uuid">[] = args.has("domain")
    ? [await context.domain()]
    : await service.listDomains();
  const name = args.text("name");
  const listings: SnapshotListing[] = [];
  for (const { uuid } of domains) {
    const listing = await service.list(uuid);
    const heads = listing.heads.filter((head) => name === undefined || head.name === name);
    listings.push({ ...listing, heads: heads.sort(oldestFirst) });
  }
  if (name !== undefined && listings.every(({ heads }) => heads.length === 0))
    throw new DomsnapError("no-domain-snapshot", `no domain snapshot with matching name '${name}'`);
  return listings;
}

function formatListings(
  { args, quiet }: CommandContext<TextOption<"domain"> | BoolOption<"long">>,
  listings: readonly SnapshotListing[],
): string {
  const isAll = !args.has("domain");
  const header = [...(isAll ? ["DOMAIN"] : []), "TAG", "NAME", "DATE", "STATE", "DISK ONLY"];
  const entries = listings.flatMap(({ domain, heads, current }) =>
    heads.map((head) => ({
      cells: [...(isAll ? [domain.name] : []), ...cellsOf(head)],
      details: () => formatDetails(head, head.name === current),
    })),
  );
  const lines = formatColumns([...(quiet ? [] : [header]), ...entries.map(({ cells }) => cells)]);
  if (!args.has("long")) return lines.join("");
  const rows = lines.slice(quiet ? 0 : 1);
  const blocks = rows.map((line, at) => line + (entries[at]?.details() ?? ""));
  return lines.slice(0, lines.length - rows.length).join("") + blocks.join("\n");
}

function cellsOf(head: SnapshotHead): string[] {
  const { name, creationTime, state, memory } = head;
  const holdsMemory = memory?.mode === "internal" || memory?.mode === "external";
  return [
    creationTime === 0n ? "-" : String(creationTime),
    name,
    formatTime(creationTime),
    STATE_LETTERS[state ?? "nostate"] ?? "-----",
    holdsMemory ? "No" : "Yes",
  ];
}

const STATE_LETTERS: Partial<Readonly<Record<SnapshotState, string>>> = {
  running: "r----",
  blocked: "-b---",
  paused: "--p--",
  shutdown: "---s-",
  crashed: "---s-",
  pmsuspended: "---s-",
};

function formatDetails(head: SnapshotHead, isCurrent: boolean): string {
  const { description, parent, memory, disks } = head;
  const facts: [title: string, text: string | undefined][] = [
    [
      "Description",
      description
        ?.split("\n")
        .map(safeText)
        .join(`\n${" ".repeat(FACT_COLUMN)}`),
    ],
    ["Parent", parent === undefined ? undefined : safeText(parent)],
    ["Current", isCurrent ? "yes" : undefined],
    ["Memory", memoryText(memory)],
  ];
  const lines = facts.flatMap(([title, text]) =>
    text === undefined ? [] : [`    ${`${title}:`.padEnd(FACT_COLUMN - 4)}${text}\n`],
  );
  const table = formatColumns([
    ["DEVICE", "NAME", "FORMAT", "FILE"],
    ...disks.filter(({ mode }) => mode !== "no").map((disk) => diskCells(disk, head)),
  ]);
  return [...lines, ...table.map((line) => `    ${line}`)].join("");
}

function memoryText(memory: SnapshotHead["memory"]): string {
  if (memory?.file !== undefined) return safeText(memory.file);
  return memory?.mode === "internal" ? "(internal)" : "none";
}

const FACT_COLUMN = 17;

/** An internal snapshot is known in the image by its name; the file of an external one is its own. */
function diskCells({ name: device, mode, format, source }: DiskSnapshot, head: SnapshotHead) {
  const name = mode === "internal" ? head.name : "-";
  return [device, name, format ?? "-", source?.path ?? (mode === "internal" ? "(internal)" : "-")];
}
