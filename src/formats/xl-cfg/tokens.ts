import { XlSyntaxError } from "./xl-syntax-error.js";

export type TokenKind =
  "name" | "number" | "string" | "=" | "+=" | "," | ";" | "[" | "]" | "newline" | "end";

export interface Token {
  readonly kind: TokenKind;
  /** As written; of a string with its quotes. */
  readonly text: string;
  /** Offsets into the whole text. */
  readonly start: number;
  readonly end: number;
  /** Counted from 1. */
  readonly line: number;
}

/**
 * The words of xl's configuration language, in the order in which its scanner tries them. Nothing
 * is more lenient than in xl: carriage returns, upper-case names, and a comment on a last line
 * that has no line end are errors there.
 */
const WORDS: readonly (readonly [TokenKind, RegExp])[] = [
  ["name", /[a-z][._0-9a-z]*/y],
  ["number", /[0-9][0-9a-fx]*/y],
  ["string", /"(?:[^"\\\n]|\\[^\n])*"/y],
  ["string", /'(?:[^'\\\n]|\\[^\n])*'/y],
  ["newline", /\n|#[^\n]*\n/y],
  ["+=", /\+=/y],
  ["=", /=/y],
  [",", /,/y],
  [";", /;/y],
  ["[", /\[/y],
  ["]", /\]/y],
];
const BLANKS = /[ \t]*/y;

/** Cuts a text into tokens, one at a time. */
export class TokenReader {
  #offset = 0;
  #line = 1;

  constructor(private readonly text: string) {}

  /** The next token; at the end `end`, again and again. Throws XlSyntaxError. */
  next(): Token {
    this.#take(BLANKS);
    const start = this.#offset;
    const line = this.#line;
    if (start === this.text.length) return { kind: "end", text: "", start, end: start, line };
    for (const [kind, pattern] of WORDS) {
      const text = this.#take(pattern);
      if (text === undefined) continue;
      if (kind === "newline") this.#line++;
      return { kind, text, start, end: this.#offset, line };
    }
    throw new XlSyntaxError(line, this.#restOfLine(), "lexical error");
  }

  /** Goes on after the next line end. */
  skipLine(): void {
    const lineEnd = this.text.indexOf("\n", this.#offset);
    this.#offset = lineEnd < 0 ? this.text.length : lineEnd + 1;
    this.#line++;
  }

  #restOfLine(): string {
    return this.text.slice(this.#offset).split("\n", 1)[0] ?? "";
  }

  #take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#offset;
    const found = pattern.exec(this.text)?.[0];
    if (found !== undefined) this.#offset += found.length;
    return found;
  }
}
