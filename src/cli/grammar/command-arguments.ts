import { usageError } from "../command-error.js";
import type { OptionSpec } from "./option-spec.js";

/** What a command was given, read by the names of its declared options. */
export class CommandArguments {
  readonly #kinds: ReadonlyMap<string, OptionSpec["kind"]>;
  readonly #values: ReadonlyMap<string, readonly string[]>;

  constructor(
    options: readonly OptionSpec[],
    /** Present for every option that was given; empty for a bool. */
    values: ReadonlyMap<string, readonly string[]>,
  ) {
    this.#kinds = new Map(options.map((option) => [option.name, option.kind]));
    this.#values = values;
  }

  /** Whether the option was given at all. False for one that the command does not have. */
  has(name: string): boolean {
    return this.#values.has(name);
  }

  /** The value of a string, or undefined when it was not given. Throws `usage` when it is empty. */
  text(name: string): string | undefined {
    this.#assertDeclared(name, "string");
    const value = this.#values.get(name)?.[0];
    if (value === "") throw usageError(`Failed to get option '${name}': Option argument is empty`);
    return value;
  }

  /** The value of a required string, which the parser has made sure of. */
  requiredText(name: string): string {
    const value = this.text(name);
    if (value === undefined) throw new Error(`option ${name} is not required by its command`);
    return value;
  }

  /** All values of an argv option, in their order; may hold empty ones. */
  list(name: string): readonly string[] {
    this.#assertDeclared(name, "argv");
    return this.#values.get(name) ?? [];
  }

  /** Those of `names` that were given, as a set of flags: `--no-metadata` becomes `noMetadata`. */
  flags<Name extends string>(names: Readonly<Record<string, Name>>): Partial<Record<Name, true>> {
    const flags: Partial<Record<Name, true>> = {};
    for (const [option, flag] of Object.entries(names)) if (this.has(option)) flags[flag] = true;
    return flags;
  }

  /** Throws virsh's message when two options were given that exclude each other. */
  assertExclusive(first: string, second: string): void {
    if (this.has(first) && this.has(second))
      throw usageError(`Options --${first} and --${second} are mutually exclusive`);
  }

  #assertDeclared(name: string, kind: OptionSpec["kind"]): void {
    if (this.#kinds.get(name) !== kind) throw new Error(`the command has no ${kind} ${name}`);
  }
}
