import type { SnapshotService } from "../core/operations/snapshot-service.js";
import { ERROR_CATALOGUE } from "../core/errors/index.js";
import { COMMAND_GROUPS, optionsOf, type CommandSpec, type OptionSpec } from "./command-spec.js";

/**
 * What could stand where the cursor is, in readline's form: the candidates and the part of the
 * line that they complete. Completes commands, options, domains and snapshots; names that would
 * need quotes are left out. Never throws: without an answer there is nothing to complete.
 */
export async function completeLine(
  line: string,
  table: readonly CommandSpec[],
  service: () => Promise<SnapshotService>,
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
  service: () => Promise<SnapshotService>,
): Promise<string[]> {
  const options = optionsOf(spec);
  if (partial.startsWith("-")) return options.map(({ name }) => `--${name}`);
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
      return plainNames(() => namesOf(completes, words, service));
    default:
      return [...completes];
  }
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
  const named = options.find(({ name, kind }) => kind !== "bool" && last === `--${name}`);
  if (named) return named;
  const data = words.filter((word) => !word.startsWith("--")).length;
  const positional = options.filter(({ kind, literal }) => kind !== "bool" && literal !== true);
  return positional[data] ?? positional.find(({ kind }) => kind === "argv");
}

async function namesOf(
  what: "domain" | "snapshot",
  words: readonly string[],
  service: () => Promise<SnapshotService>,
): Promise<string[]> {
  if (what === "domain") return (await (await service()).listDomains()).map(({ name }) => name);
  const domain = words.find((word) => !word.startsWith("--"));
  if (domain === undefined) return [];
  return (await (await service()).list(domain)).heads.map(({ name }) => name);
}
