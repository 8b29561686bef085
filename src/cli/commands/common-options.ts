import { QUIESCE_MODES, type QuiesceMode } from "../../core/model/index.js";
import { usageError } from "../command-error.js";
import type { BoolOption, CommandArguments, TextOption } from "../grammar/command-arguments.js";
import type { OptionSpec } from "../grammar/option-spec.js";

export const DOMAIN = {
  name: "domain",
  kind: "string",
  required: true,
  summary: "domain name, id or uuid",
  completes: "domain",
} as const satisfies OptionSpec;

export const SNAPSHOT_NAME = {
  name: "snapshotname",
  kind: "string",
  summary: "snapshot name",
  completes: "snapshot",
} as const satisfies OptionSpec;

export const YES = bool("yes", "do it without asking");

export const XPATH_OPTIONS = [
  bool("security-info", "include passwords and other secrets"),
  {
    name: "xpath",
    kind: "string",
    literal: true,
    summary: "print only what an XPath expression matches (needs xmllint)",
  },
  bool("wrap", "put what the XPath expression matches into one element"),
] as const satisfies readonly OptionSpec[];

export function bool<const Name extends string>(name: Name, summary: string) {
  return { name, kind: "bool", summary } as const;
}

/** The flags that `snapshot-create` and `snapshot-create-as` share. */
export const CREATE_OPTIONS = [
  bool("no-metadata", "take the snapshot, keep no record of it"),
  bool("halt", "leave the domain stopped afterwards"),
  bool("disk-only", "capture the disks, not the memory"),
  bool("reuse-external", "use external files that exist already"),
  bool("quiesce", "freeze the guest's file systems meanwhile, or fail"),
  {
    name: "quiesce-mode",
    kind: "string",
    literal: true,
    summary: "require: as --quiesce; try: with a warning if it is not possible; no",
    completes: QUIESCE_MODES,
  },
  bool("atomic", "all disks or none (domsnap always does)"),
  bool("live", "keep the guest running while its memory is saved"),
  bool("validate", "check the document against the schema"),
] as const satisfies readonly OptionSpec[];

export const CREATE_FLAG_OF_OPTION = {
  "no-metadata": "noMetadata",
  halt: "halt",
  "disk-only": "diskOnly",
  "reuse-external": "reuseExternal",
  quiesce: "quiesce",
  atomic: "atomic",
  live: "live",
  validate: "validate",
} as const;

/** What `--quiesce-mode` asks for. Throws `usage`. */
export function quiesceOptions(
  args: CommandArguments<BoolOption<"quiesce"> | TextOption<"quiesce-mode">>,
): { readonly quiesce?: QuiesceMode } {
  args.assertExclusive("quiesce", "quiesce-mode");
  const word = args.text("quiesce-mode");
  if (word === undefined) return {};
  const quiesce = QUIESCE_MODES.find((mode) => mode === word);
  if (quiesce !== undefined) return { quiesce };
  throw usageError(`--quiesce-mode '${word}' is not one of ${QUIESCE_MODES.join(", ")}`);
}
