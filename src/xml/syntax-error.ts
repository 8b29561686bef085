import { DomsnapError } from "../core/errors/index.js";

/** A place in a text; both count from 1, columns in UTF-16 units. */
export interface TextPosition {
  readonly line: number;
  readonly column: number;
}

const positions = new WeakMap<DomsnapError, TextPosition>();

/** Where in its document a syntax error is; undefined for every other thrown thing. */
export function locateSyntaxError(thrown: unknown): TextPosition | undefined {
  return thrown instanceof DomsnapError ? positions.get(thrown) : undefined;
}

/**
 * A failure of the XML reader (`xml-detail`) in libvirt's shape: the document's name and the line,
 * what is wrong, the line itself, and a caret below the place. The hint tells line and column.
 */
export function syntaxError(
  documentName: string,
  text: string,
  offset: number,
  problem: string,
): DomsnapError {
  const position = positionAt(text, offset);
  const { excerpt, caret } = excerptAt(text, offset);
  const detail = `${documentName}:${position.line}: ${problem}\n${excerpt}\n${"-".repeat(caret)}^`;
  const hint = `Correct the document at line ${position.line}, column ${position.column}.`;
  const error = new DomsnapError("xml-detail", detail, { hint });
  positions.set(error, position);
  return error;
}

function positionAt(text: string, offset: number): TextPosition {
  let line = 1;
  let lineStart = 0;
  for (let at = text.indexOf("\n"); at >= 0 && at < offset; at = text.indexOf("\n", at + 1)) {
    line++;
    lineStart = at + 1;
  }
  return { line, column: offset - lineStart + 1 };
}

/** A line of ten megabytes is not worth showing whole. */
const EXCERPT_REACH = 400;

function excerptAt(text: string, offset: number): { excerpt: string; caret: number } {
  const lineStart = text.lastIndexOf("\n", offset - 1) + 1;
  const newline = text.indexOf("\n", Math.max(offset, lineStart));
  const lineEnd = newline < 0 ? text.length : newline;
  const start = Math.max(offset === 0 ? 0 : lineStart, offset - EXCERPT_REACH);
  const end = Math.min(lineEnd, offset + EXCERPT_REACH);
  // libvirt prints a missing line in C's way.
  return { excerpt: text.slice(start, end) || "(null)", caret: offset - start };
}
