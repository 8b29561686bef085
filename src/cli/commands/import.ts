import { EXIT } from "../../core/errors/index.js";
import type { ImportEntry, ImportResult } from "../../core/operations/shared/results.js";
import type { PathMapping } from "../../core/rules/index.js";
import { usageError } from "../command-error.js";
import { defineCommand } from "../command-spec.js";
import type { CommandArguments, TextOption } from "../grammar/command-arguments.js";
import { safeText } from "../render/display-text.js";
import { changeJson } from "../render/json.js";
import { bool } from "./common-options.js";

export const importSnapshots = defineCommand({
  name: "import",
  group: "snapshot",
  summary: "record snapshots that others have made",
  description:
    "Reads the snapshots of a foreign source, looks whether their images are there, and records\n" +
    "them: all or nothing. Images are never changed. What is recorded already stays as it is, so\n" +
    "importing again changes nothing. The exit status is 1 when a snapshot was left out.\n\n" +
    "SOURCE is a folder of libvirt's snapshot metadata, a file or tar archive of snapshot\n" +
    "documents, the URI of a libvirt connection, a folder of snapshotdata-NAME.xl files, a bundle\n" +
    "that domsnap has exported, or the word 'images' for what the images of --domain hold\n" +
    "themselves.",
  options: [
    {
      name: "source",
      kind: "string",
      required: true,
      summary: "what to import from",
      completes: "file",
    },
    {
      name: "domain",
      kind: "string",
      literal: true,
      summary: "the domain that the snapshots are of (default: as the source says)",
      completes: "domain",
    },
    { name: "from", kind: "string", literal: true, summary: "kind of the source" },
    {
      name: "map",
      kind: "argv",
      literal: true,
      summary: "OLD=NEW: images below the folder OLD are below NEW here",
    },
    { name: "rename", kind: "argv", literal: true, summary: "OLD=NEW: another name" },
    bool("rename-taken", "give NAME-2 to a snapshot whose name is taken, not leave it out"),
    {
      name: "to",
      kind: "string",
      literal: true,
      summary: "xen: turn QEMU's disk names and drivers into Xen's",
      completes: ["xen"],
    },
    bool("metadata", "record without looking at the images"),
    bool("define", "define the domain from the source if it is not known"),
  ],
  examples: [
    {
      line: "domsnap import /var/lib/libvirt/qemu/snapshot/vm1 --dry-run",
      summary: "See what would become of libvirt's snapshots.",
    },
    {
      line: "domsnap import snaps.tar --domain vm1 --map /old/images=/srv/images",
      summary: "The images are in another folder here.",
    },
    { line: "domsnap import images --domain vm1", summary: "Find what was made with qemu-img." },
  ],
  changes: true,
  async run(context) {
    const { args } = context;
    const to = args.text("to");
    if (to !== undefined && to !== "xen") throw usageError("--to must be one of: xen");
    const service = await context.service();
    const result = await service.import(
      {
        source: args.requiredText("source"),
        ...textOption(args, "from"),
        ...textOption(args, "domain"),
        mappings: args.list("map").map(readMapping),
        renames: new Map(args.list("rename").map((pair) => readPair(pair, "rename"))),
        renameTaken: args.has("rename-taken"),
        toXen: to === "xen",
        metadataOnly: args.has("metadata"),
        define: args.has("define"),
      },
      context.changeOptions(),
    );
    const isIncomplete = result.entries.some(({ outcome }) => outcome === "skipped");
    return {
      text: formatImport(result, context.quiet),
      data: {
        ...changeJson(result),
        current: result.current,
        snapshots: result.entries,
      },
      warnings: result.warnings,
      ...(isIncomplete && { status: EXIT.failed }),
    };
  },
});

function textOption<Name extends "from" | "domain">(
  args: CommandArguments<TextOption<"from" | "domain">>,
  name: Name,
): Partial<Record<Name, string>> {
  const text = args.text(name);
  return text === undefined ? {} : ({ [name]: text } as Record<Name, string>);
}

function readMapping(pair: string): PathMapping {
  const [from, to] = readPair(pair, "map");
  if (!from.startsWith("/") || !to.startsWith("/"))
    throw usageError(`--map takes two absolute paths, not '${pair}'`);
  return { from, to };
}

function readPair(pair: string, option: string): [old: string, now: string] {
  const equals = pair.indexOf("=");
  if (equals <= 0 || equals === pair.length - 1)
    throw usageError(`--${option} takes OLD=NEW, not '${pair}'`);
  return [pair.slice(0, equals), pair.slice(equals + 1)];
}

function formatImport({ entries, executed, domain }: ImportResult, quiet: boolean): string {
  const count = (outcome: ImportEntry["outcome"]) =>
    entries.filter((entry) => entry.outcome === outcome).length;
  const lines = entries.map(formatEntry).join("");
  if (quiet) return lines;
  const added = count("imported") + count("adapted");
  const verb = executed ? "recorded" : "to be recorded";
  return (
    `${lines}Domain '${safeText(domain.name)}': ${String(added)} ${verb} ` +
    `(${String(count("adapted"))} adapted), ${String(count("unchanged"))} unchanged, ` +
    `${String(count("skipped"))} skipped\n`
  );
}

function formatEntry({ outcome, name, origin, details }: ImportEntry): string {
  const title = name ?? origin;
  const lines = details.map((detail) => `    ${safeText(detail)}\n`);
  return `${outcome.padEnd(10)}${safeText(title)}\n${lines.join("")}`;
}
