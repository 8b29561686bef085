import { usageError } from "../command-error.js";

/** A word of a command, or the end of a command. */
export type Token = { readonly kind: "word"; readonly text: string } | { readonly kind: "end" };

const END: Token = { kind: "end" };

/** The words that a shell has split already: one command, nothing quoted. */
export function* tokenizeWords(words: readonly string[]): Generator<Token> {
  for (const text of words) yield { kind: "word", text };
  yield END;
}

/**
 * Splits a line by virsh's rules. Blanks part words; `;` and a line end part commands; a `#` that
 * begins a word begins a comment. Single quotes keep everything, and one that is not closed ends
 * with the text; in double quotes a backslash protects the next character; elsewhere too, and a
 * backslash before a line end joins the lines. Lazy, so that a mistake is only found when the
 * parser gets there. Throws `usage`: `missing "`, `dangling \`.
 */
export function* tokenizeText(text: string): Generator<Token> {
  let at = 0;
  while (at < text.length) {
    const char = text.charAt(at);
    if (char === " " || char === "\t") at++;
    else if (text.startsWith("\\\n", at)) at += 2;
    else if (char === ";" || char === "\n") {
      yield END;
      at++;
    } else if (char === "#") at = endOfLine(text, at);
    else {
      const word = readWord(text, at);
      yield { kind: "word", text: word.text };
      at = word.end;
    }
  }
  yield END;
}

function endOfLine(text: string, from: number): number {
  const end = text.indexOf("\n", from);
  return end < 0 ? text.length : end;
}

function readWord(text: string, from: number): { text: string; end: number } {
  let word = "";
  let inDouble = false;
  let at = from;
  for (; at < text.length; at++) {
    const char = text.charAt(at);
    if (!inDouble && /[ \t\n;]/.test(char)) break;
    if (char === '"') inDouble = !inDouble;
    else if (char === "'" && !inDouble) {
      const close = text.indexOf("'", at + 1);
      const end = close < 0 ? text.length : close;
      word += text.slice(at + 1, end);
      at = end;
    } else if (char === "\\") {
      at++;
      if (at >= text.length) throw usageError("dangling \\");
      if (text[at] !== "\n" || inDouble) word += text.charAt(at);
    } else word += char;
  }
  if (inDouble) throw usageError('missing "');
  return { text: word, end: at };
}
