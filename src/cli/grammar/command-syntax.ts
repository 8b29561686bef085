import type { ReadableOption } from "./command-arguments.js";
import type { OptionSpec } from "./option-spec.js";

/** What the grammar has to know of a command. */
export interface CommandSyntax {
  /** One word, or two with a blank between them (`xml check`). */
  readonly name: string;
  /**
   * Missing is virsh's. xl's has options of one letter (getopt), puts them before the other words,
   * and has 2 as the exit status of a wrong command line, 1 of any other failure.
   */
  readonly grammar?: "xl";
  /** In the order in which words without a name fill them. */
  readonly options: readonly OptionSpec[];
  /** Whether it changes something; such a command takes --dry-run. */
  readonly changes: boolean;
}

const JSON_OPTION = {
  name: "json",
  kind: "bool",
  summary: "print the result as JSON",
} as const satisfies OptionSpec;

const CHANGE_OPTIONS = [
  { name: "dry-run", kind: "bool", summary: "print the plan, change nothing" },
  {
    name: "lock-timeout",
    kind: "string",
    literal: true,
    summary: "seconds to wait for another domsnap on the domain (default 30)",
  },
  {
    name: "assume-lost",
    kind: "argv",
    literal: true,
    summary: "go on although this image, record or definition cannot be looked at: it is lost",
    completes: "file",
  },
  {
    name: "trust-folder",
    kind: "argv",
    literal: true,
    summary: "files of the domain may be in this folder, too, and in all below",
    completes: "file",
  },
] as const satisfies readonly OptionSpec[];

/** What a command that changes something may read besides its own options. */
export type ChangeOption = ReadableOption<(typeof CHANGE_OPTIONS)[number]>;

/** What every command may read. */
export type CommonOption = ReadableOption<typeof JSON_OPTION>;

/** All options of a command: its own first, then those that domsnap adds to each. */
export function optionsOf({ options, changes }: CommandSyntax): readonly OptionSpec[] {
  return [...options, ...(changes ? CHANGE_OPTIONS : []), JSON_OPTION];
}
