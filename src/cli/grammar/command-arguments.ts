import { usageError } from "../command-error.js";
import type { OptionSpec } from "./option-spec.js";

/** An option as a type tells it: its name, and how its value may be read. */
interface Readable<Name extends string, How extends OptionSpec["kind"] | "required"> {
  readonly name: Name;
  readonly how: How;
}

export type BoolOption<Name extends string> = Name extends string ? Readable<Name, "bool"> : never;
export type TextOption<Name extends string> = Name extends string
  ? Readable<Name, "string">
  : never;
export type RequiredOption<Name extends string> =
  TextOption<Name> | (Name extends string ? Readable<Name, "required"> : never);
export type ListOption<Name extends string> = Name extends string ? Readable<Name, "argv"> : never;

/** Any option of any command; only who does not know the command may read by it. */
export type AnyOption =
  BoolOption<string> | RequiredOption<string> | TextOption<string> | ListOption<string>;

/** How an option of a table may be read. */
export type ReadableOption<Spec extends OptionSpec> = Spec extends {
  readonly kind: "string";
  readonly required: true;
}
  ? RequiredOption<Spec["name"]>
  : Spec extends OptionSpec
    ? Readable<Spec["name"], Spec["kind"]>
    : never;

type NameOf<Option extends AnyOption, How extends AnyOption["how"] = AnyOption["how"]> = Extract<
  Option,
  { readonly how: How }
>["name"];

/**
 * What a command was given, read by the names of its declared options: a name that is not one of
 * them does not compile. A function says by the type of its parameter which options it reads, and
 * takes the arguments of every command that has these; without a type it reads none.
 */
export class CommandArguments<in Option extends AnyOption = never> {
  readonly #values: ReadonlyMap<string, readonly string[]>;

  /** `values` has an entry for every option that was given; an empty one for a bool. */
  constructor(values: ReadonlyMap<string, readonly string[]>) {
    this.#values = values;
  }

  /** Whether the option was given at all. */
  has(name: NameOf<Option>): boolean {
    return this.#values.has(name);
  }

  /** The value of a string, or undefined when it was not given. Throws `usage` when it is empty. */
  text(name: NameOf<Option, "string">): string | undefined {
    return this.#first(name);
  }

  /** The value of a required string, which the parser has made sure of. Throws as `text` does. */
  requiredText(name: NameOf<Option, "required">): string {
    const value = this.#first(name);
    if (value === undefined) throw new Error(`option ${name} is not required by its command`);
    return value;
  }

  /** All values of an argv option, in their order; may hold empty ones. */
  list(name: NameOf<Option, "argv">): readonly string[] {
    return this.#values.get(name) ?? [];
  }

  /** Those of `names` that were given, as a set of flags: `--no-metadata` becomes `noMetadata`. */
  flags<Name extends NameOf<Option>, Flag extends string>(
    names: Readonly<Record<Name, Flag>>,
  ): Partial<Record<Flag, true>> {
    const flags: Partial<Record<Flag, true>> = {};
    for (const [option, flag] of Object.entries<Flag>(names))
      if (this.#values.has(option)) flags[flag] = true;
    return flags;
  }

  /** Throws virsh's message when two options were given that exclude each other. */
  assertExclusive(first: NameOf<Option>, second: NameOf<Option>): void {
    if (this.has(first) && this.has(second))
      throw usageError(`Options --${first} and --${second} are mutually exclusive`);
  }

  #first(name: string): string | undefined {
    const value = this.#values.get(name)?.[0];
    if (value === "") throw usageError(`Failed to get option '${name}': Option argument is empty`);
    return value;
  }
}
