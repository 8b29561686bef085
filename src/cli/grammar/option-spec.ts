/** What an argument names, for completion on the command line and in the interactive shell. */
export type Completion = "domain" | "snapshot" | "file" | "command" | "error-code" | "diskspec";

/** One option of a command, with virsh's kinds. */
export interface OptionSpec {
  /** Without the two dashes. */
  readonly name: string;
  /** `argv` is a string that may be given many times; it takes all that is left on the line. */
  readonly kind: "bool" | "string" | "argv";
  readonly required?: boolean;
  /** Only `--name VALUE` sets it; a word without a name never does. */
  readonly literal?: boolean;
  /** One letter: `-n VALUE`. Only where the grammar is xl's. */
  readonly short?: string;
  /** Stands before the other words without a name, if there is one more than they take. */
  readonly leads?: boolean;
  readonly summary: string;
  readonly completes?: Completion | readonly string[];
}
