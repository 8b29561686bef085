import { DomsnapError } from "../../core/errors/index.js";
import { unquote } from "./quoted-string.js";
import { TokenReader, type Token, type TokenKind } from "./tokens.js";
import { valueOfNode, type XlAssignment, type XlNode, type XlValue } from "./xl-value.js";
import { XlSyntaxError } from "./xl-syntax-error.js";

/** What one name is set to when all of a text has been read. */
export interface XlSetting {
  readonly value: XlValue;
  /** Made with `+=`; xl reads no number from such a one. */
  readonly appended: boolean;
}

export interface XlConfig {
  readonly settings: ReadonlyMap<string, XlSetting>;
  /** Every assignment in the order of the text. */
  readonly assignments: readonly XlAssignment[];
}

/**
 * Reads a text of xl's configuration language (xl.cfg(5)): domain files, `xl.conf`, and the
 * information files of snapshots. All mistakes are collected, as xl does, into one
 * `invalid-argument` with xl's form of message, one a line; `fileName` is how they call the text.
 */
export function parseXlCfg(text: string, fileName = "(config)"): XlConfig {
  const parser = new Parser(text);
  const assignments = parser.file();
  const settings = new Map<string, XlSetting>();
  const errors = [...parser.errors];
  for (const assignment of assignments)
    try {
      settings.set(assignment.name, assign(assignment, settings.get(assignment.name)));
    } catch (thrown) {
      errors.push(asSyntaxError(thrown));
    }
  if (errors.length > 0) throw rejected(errors, fileName);
  return { settings, assignments };
}

/** The text of a setting; undefined when it is not set, or a list. */
export function xlText({ settings }: XlConfig, name: string): string | undefined {
  const value = settings.get(name)?.value;
  return typeof value === "string" ? value : undefined;
}

/** The items of a setting that is a list. */
export function xlList({ settings }: XlConfig, name: string): readonly XlValue[] | undefined {
  const value = settings.get(name)?.value;
  return typeof value === "string" ? undefined : value;
}

const LONG_MAX = 2n ** 63n - 1n;

/** A setting as C's strtol reads it with base 0: `010` is 8, `0x1f` is 31; all of it, or nothing. */
export function xlNumber(config: XlConfig, name: string): bigint | undefined {
  const text = xlText(config, name);
  if (text === undefined || config.settings.get(name)?.appended === true) return undefined;
  const parts = /^\s*([+-]?)(?:0[xX]([0-9a-fA-F]+)|0([0-7]*)|([1-9]\d*))$/.exec(text);
  if (!parts) return undefined;
  const [, sign, hex, octal, decimal] = parts;
  const digits = hex !== undefined ? `0x${hex}` : octal ? `0o${octal}` : (decimal ?? "0");
  const size = BigInt(digits);
  if (size > LONG_MAX + (sign === "-" ? 1n : 0n)) return undefined;
  return sign === "-" ? -size : size;
}

function assign({ name, operator, node, line }: XlAssignment, earlier?: XlSetting): XlSetting {
  const value = valueOfNode(node);
  if (operator === "=") return { value, appended: false };
  if (!earlier) return { value, appended: true };
  const before = earlier.value;
  if (typeof before === "string" && typeof value === "string")
    return { value: before + value, appended: true };
  if (typeof before !== "string" && typeof value !== "string")
    return { value: [...before, ...value], appended: true };
  const reason =
    typeof value === "string" ? "can't add string to list" : "can't add list to string";
  throw new XlSyntaxError(line, name, reason);
}

const MAX_NESTING = 100;

/** Stands for a token that has not been read yet. */
const START: Token = { kind: ";", text: "", start: 0, end: 0, line: 0 };

class Parser {
  readonly errors: XlSyntaxError[] = [];
  readonly #tokens: TokenReader;
  #token = START;

  constructor(text: string) {
    this.#tokens = new TokenReader(text);
  }

  file(): XlAssignment[] {
    const assignments: XlAssignment[] = [];
    do {
      try {
        this.#advance();
        this.#statement(assignments);
      } catch (thrown) {
        this.errors.push(asSyntaxError(thrown));
        this.#skipLine();
      }
    } while (this.#token.kind !== "end");
    return assignments;
  }

  #statement(assignments: XlAssignment[]): void {
    if (this.#token.kind === "name") assignments.push(this.#assignment());
    if (!["newline", ";", "end"].includes(this.#token.kind)) throw this.#unexpected();
  }

  #assignment(): XlAssignment {
    const { text: name, start, line } = this.#expect("name");
    const operator = this.#token.kind;
    if (operator !== "=" && operator !== "+=") throw this.#unexpected();
    this.#advance();
    const node = this.#value(0);
    return { name, operator, node, start, end: node.end, line };
  }

  #value(nesting: number): XlNode {
    const { kind, text, start, end, line } = this.#token;
    if (kind === "[") return this.#list(nesting);
    if (kind !== "number" && kind !== "string") throw this.#unexpected();
    const value = kind === "number" ? text : unquote(text);
    if (value === undefined)
      throw new XlSyntaxError(line, text, "invalid character after backlash in quoted string");
    this.#advance();
    return { value, start, end };
  }

  #list(nesting: number): XlNode {
    if (nesting === MAX_NESTING) throw this.#unexpected();
    const { start } = this.#expect("[");
    const items: XlNode[] = [];
    this.#skipNewlines();
    while (this.#token.kind !== "]") {
      items.push(this.#value(nesting + 1));
      this.#skipNewlines();
      if (this.#token.kind !== ",") break;
      this.#advance();
      this.#skipNewlines();
    }
    const { end } = this.#expect("]");
    return { items, start, end };
  }

  #expect(kind: TokenKind): Token {
    if (this.#token.kind !== kind) throw this.#unexpected();
    const token = this.#token;
    this.#advance();
    return token;
  }

  #skipNewlines(): void {
    while (this.#token.kind === "newline") this.#advance();
  }

  #advance(): void {
    // Should reading fail, the token before must not be taken for the one that failed.
    this.#token = START;
    this.#token = this.#tokens.next();
  }

  /** As xl does: what stands on the rest of the line is not looked at after a mistake. */
  #skipLine(): void {
    if (this.#token.kind === "newline" || this.#token.kind === "end") return;
    this.#tokens.skipLine();
    this.#token = START;
  }

  #unexpected(): XlSyntaxError {
    const { kind, text, line } = this.#token;
    return new XlSyntaxError(line, kind === "newline" ? "" : text, "syntax error");
  }
}

function asSyntaxError(thrown: unknown): XlSyntaxError {
  if (thrown instanceof XlSyntaxError) return thrown;
  throw thrown;
}

function rejected(errors: readonly XlSyntaxError[], fileName: string): DomsnapError {
  const lines = errors.map(
    ({ line, near, reason }) =>
      `${fileName}:${String(line)}: config parsing error near \`${near}': ${reason}`,
  );
  return new DomsnapError("invalid-argument", lines.join("\n"), {
    hint: "Put texts in quotes, names in lower case, and a line end after a comment.",
  });
}
