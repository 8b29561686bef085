import type { SnapshotService } from "../core/operations/snapshot-service.js";
import { ERROR_CATALOGUE } from "../core/errors/index.js";
import { COMMAND_GROUPS, type CommandSpec } from "./command-spec.js";
import { optionsOf } from "./grammar/command-syntax.js";
import type { OptionSpec } from "./grammar/option-spec.js";

/** Opens the connection that a command would use. */
type OpenFor = (spec: CommandSpec) => Promise<SnapshotService>;

/**
 * What could stand where the cursor is, in readline's form: the candidates and the part of the
 * line that they complete. Completes commands, options, domains and snapshots; names that would
 * need quotes are left out. Never throws: without an answer there is nothing to complete.
 */
export async function completeLine(
  line: string,
  table: readonly CommandSpec[],
  service: OpenFor,
): Promise<[string[], string]> {
  const command = line.slice(line.lastIndexOf(";") + 1).trimStart();
  const words = command.split(/[ \t]+/);
  const partial = words.pop() ?? "";
  const spec = findSpec(words, table);
  const candidates =
    spec === undefined
      ? commandWords(words, table)
      : await argumentCandidates(spec, words, partial, table, service);
  return [candidates.filter((text) => text.startsWith(partial)), partial];
}

function findSpec(
  words: readonly string[],
  table: readonly CommandSpec[],
): CommandSpec | undefined {
  const typed = words.join(" ");
  return table.find(({ name }) => typed === name || typed.startsWith(`${name} `));
}

function commandWords(words: readonly string[], table: readonly CommandSpec[]): string[] {
  const names = table.map(({ name }) => name.split(" "));
  const fitting = names.filter((name) => words.every((word, index) => name[index] === word));
  return [...new Set(fitting.map((name) => name[words.length] ?? ""))].filter(Boolean);
}

async function argumentCandidates(
  spec: CommandSpec,
  typed: readonly string[],
  partial: string,
  table: readonly CommandSpec[],
  service: OpenFor,
): Promise<string[]> {
  const options = optionsOf(spec);
  if (partial.startsWith("-")) return options.flatMap(optionNames);
  const words = typed.slice(spec.name.split(" ").length);
  const completes = optionAtCursor(options, words)?.completes;
  switch (completes) {
    case undefined:
    case "file":
      return [];
    case "command":
      return [...Object.keys(COMMAND_GROUPS), ...table.map(({ name }) => name)];
    case "error-code":
      return Object.keys(ERROR_CATALOGUE);
    case "domain":
    case "snapshot":
      return plainNames(() => namesOf(completes, domainOf(options, words), () => service(spec)));
    case "diskspec":
      return diskspecsFrom(partial, () => service(spec));
    default:
      return [...completes];
  }
}

/** What a diskspec may be whose last `backend=` has no whole value yet. */
async function diskspecsFrom(
  partial: string,
  service: () => Promise<SnapshotService>,
): Promise<string[]> {
  const begun = /^.*,backend=(?=[^,=]*$)/.exec(partial)?.[0];
  if (begun === undefined) return [];
  const ids = await plainNames(async () => (await service()).backends.map(({ id }) => id));
  return ids.map((id) => begun + id);
}

async function plainNames(find: () => Promise<string[]>): Promise<string[]> {
  try {
    return (await find()).filter((name) => /^[\w.:@%+-]+$/.test(name));
  } catch {
    return [];
  }
}

/** The option that the next word would fill. */
function optionAtCursor(
  options: readonly OptionSpec[],
  words: readonly string[],
): OptionSpec | undefined {
  const last = words.at(-1);
  const named = options.find(
    (option) => option.kind !== "bool" && optionNames(option).some((name) => name === last),
  );
  if (named) return named;
  const data = dataOf(options, words).length;
  const positional = options.filter(
    ({ kind, literal, leads }) => kind !== "bool" && literal !== true && leads !== true,
  );
  const leading = options.find(({ leads }) => leads === true);
  // A leading word moves the others up by one.
  if (leading && data === positional.length) return positional.at(-1);
  return positional[data] ?? positional.find(({ kind }) => kind === "argv");
}

/** `--name`, and its letter. */
export function optionNames({ name, short }: OptionSpec): string[] {
  return [...(short === undefined ? [] : [`-${short}`]), `--${name}`];
}

/** The words that are neither an option nor the value of one. */
function dataOf(options: readonly OptionSpec[], words: readonly string[]): string[] {
  const taking = new Set(options.filter(({ kind }) => kind !== "bool").flatMap(optionNames));
  return words.filter((word, at) => !word.startsWith("-") && !taking.has(words[at - 1] ?? ""));
}

function domainOf(options: readonly OptionSpec[], words: readonly string[]): string | undefined {
  const at = words.indexOf("--domain");
  return at < 0 ? dataOf(options, words)[0] : words[at + 1];
}

async function namesOf(
  what: "domain" | "snapshot",
  domain: string | undefined,
  service: () => Promise<SnapshotService>,
): Promise<string[]> {
  if (what === "domain") return (await (await service()).listDomains()).map(({ name }) => name);
  if (domain === undefined) return [];
  return (await (await service()).list(domain)).heads.map(({ name }) => name);
}
