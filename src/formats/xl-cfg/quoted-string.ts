import { DomsnapError } from "../../core/errors/index.js";

const NAMED_ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  "'": "'",
  "\\": "\\",
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
};

/**
 * The text of a quoted string, quotes included, as xl reads it: an octal escape is checked and
 * then contributes nothing, and a hexadecimal one is never accepted. Gives undefined for an escape
 * that xl refuses.
 */
export function unquote(quoted: string): string | undefined {
  let valid = true;
  const text = quoted
    .slice(1, -1)
    .replace(/\\(?:([0-7][0-9]{2,3})|([^]))/g, (_escape, octal?: string, letter?: string) => {
      if (octal !== undefined) return "";
      const character = NAMED_ESCAPES[letter ?? ""];
      if (character === undefined) valid = false;
      return character ?? "";
    });
  return valid ? text : undefined;
}

const ESCAPES: Readonly<Record<string, string>> = {
  '"': '\\"',
  "\\": "\\\\",
  "\x07": "\\a",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\v": "\\v",
};

/**
 * A text in double quotes such that xl reads the same text. Throws `invalid-argument` for a control
 * character that xl's language has no way to write.
 */
export function quote(text: string): string {
  // eslint-disable-next-line no-control-regex -- they are what it looks for
  const escaped = text.replace(/["\\\x00-\x1f]/g, (character) => {
    const escape = ESCAPES[character];
    if (escape !== undefined) return escape;
    const code = character.charCodeAt(0).toString(16).padStart(2, "0");
    throw new DomsnapError(
      "invalid-argument",
      `a text with the control character 0x${code} cannot be written in xl's syntax`,
    );
  });
  return `"${escaped}"`;
}
