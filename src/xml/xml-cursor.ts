import { ILLEGAL_CHARACTER } from "./characters.js";
import { syntaxError } from "./syntax-error.js";

/**
 * A place in a text that moves forward. Characters that no document may hold are looked for once,
 * for the whole text, and told of when a failure lies behind them.
 */
export class XmlCursor {
  protected offset = 0;
  readonly #illegalAt: number;

  constructor(
    protected readonly text: string,
    private readonly documentName: string,
  ) {
    this.#illegalAt = text.search(ILLEGAL_CHARACTER);
  }

  protected match(pattern: RegExp): string {
    pattern.lastIndex = this.offset;
    const found = pattern.exec(this.text)?.[0] ?? "";
    this.offset += found.length;
    return found;
  }

  protected at(literal: string): boolean {
    return this.text.startsWith(literal, this.offset);
  }

  protected take(literal: string): boolean {
    if (!this.at(literal)) return false;
    this.offset += literal.length;
    return true;
  }

  /** Whether there were any. */
  protected skipBlanks(): boolean {
    const start = this.offset;
    let code = this.text.charCodeAt(this.offset);
    while (code === 0x20 || code === 0x0a || code === 0x09 || code === 0x0d)
      code = this.text.charCodeAt(++this.offset);
    return this.offset > start;
  }

  protected lineAt(offset: number): number {
    let line = 1;
    for (
      let at = this.text.indexOf("\n");
      at >= 0 && at < offset;
      at = this.text.indexOf("\n", at + 1)
    )
      line++;
    return line;
  }

  /** Where a literal stands next; what it ends reaches to the end of the text without it. */
  protected find(literal: string, from: number, problem: string): number {
    const found = this.text.indexOf(literal, from);
    if (found >= 0) return found;
    this.offset = this.text.length;
    this.fail(problem);
  }

  protected fail(problem: string): never {
    if (this.#illegalAt >= 0 && this.#illegalAt <= this.offset) this.#failAtIllegalCharacter();
    throw syntaxError(this.documentName, this.text, this.offset, problem);
  }

  protected assertNoIllegalCharacter(): void {
    if (this.#illegalAt >= 0) this.#failAtIllegalCharacter();
  }

  #failAtIllegalCharacter(): never {
    const value = this.text.charCodeAt(this.#illegalAt);
    const problem =
      value < 0x20
        ? `PCDATA invalid Char value ${value}`
        : `Char 0x${value.toString(16).toUpperCase()} out of allowed range`;
    throw syntaxError(this.documentName, this.text, this.#illegalAt, problem);
  }
}
