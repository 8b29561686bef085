/** Text that a terminal shows as it stands, and the columns that it takes. */
export interface DisplayText {
  readonly text: string;
  readonly width: number;
}

/**
 * Makes a text safe for a terminal, by virsh's rule for table cells: control characters and the
 * backslash of a literal `\x` become `\xNN`, byte by byte; wide characters count two columns,
 * combining and other invisible ones none. Beyond virsh, direction overrides and line separators
 * (which could make one name look like another) and lone surrogates are escaped as well.
 */
export function displayText(value: string): DisplayText {
  let text = "";
  let width = 0;
  for (let at = 0; at < value.length;) {
    const codePoint = value.codePointAt(at) ?? 0;
    const char = String.fromCodePoint(codePoint);
    const shown = isHarmless(codePoint, value, at) ? char : escapeBytes(char);
    text += shown;
    width += shown === char ? columnsOf(codePoint) : shown.length;
    at += char.length;
  }
  return { text, width };
}

/** The text of `displayText` alone. */
export function safeText(value: string): string {
  return displayText(value).text;
}

/**
 * A whole output made safe for a terminal: as `safeText`, but line ends and tabs stay, and so does
 * every backslash, so that what is safe already stays as it is.
 */
export function terminalText(output: string): string {
  return output.replace(HARMFUL_IN_OUTPUT, escapeBytes);
}

function isHarmless(codePoint: number, value: string, at: number): boolean {
  if (codePoint === 0x5c) return value[at + 1] !== "x";
  if (codePoint >= 0x20 && codePoint < 0x7f) return true;
  return !HARMFUL.test(String.fromCodePoint(codePoint));
}

/** Controls, line and paragraph separators, surrogates, unassigned, and direction overrides. */
const HARMFUL = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\p{Cn}\u202a-\u202e\u2066-\u2069]/u;
const HARMFUL_IN_OUTPUT = new RegExp(`(?![\\n\\t])${HARMFUL.source}`, "gu");

function escapeBytes(char: string): string {
  return [...Buffer.from(char, "utf8")]
    .map((byte) => `\\x${byte.toString(16).padStart(2, "0")}`)
    .join("");
}

function columnsOf(codePoint: number): number {
  if (codePoint < 0x300) return codePoint === 0xad ? 0 : 1;
  if (INVISIBLE.test(String.fromCodePoint(codePoint))) return 0;
  return WIDE.some(([first, last]) => codePoint >= first && codePoint <= last) ? 2 : 1;
}

const INVISIBLE = /[\p{Mn}\p{Me}\p{Cf}]/u;

/** East Asian wide and fullwidth characters, and emoji, in blocks. */
const WIDE: readonly (readonly [number, number])[] = [
  [0x1100, 0x115f],
  [0x231a, 0x231b],
  [0x2e80, 0x303e],
  [0x3041, 0x33ff],
  [0x3400, 0x4dbf],
  [0x4e00, 0xa4cf],
  [0xa960, 0xa97c],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe10, 0xfe19],
  [0xfe30, 0xfe6f],
  [0xff00, 0xff60],
  [0xffe0, 0xffe6],
  [0x16fe0, 0x18cff],
  [0x1b000, 0x1b2fb],
  [0x1f300, 0x1f64f],
  [0x1f680, 0x1f6ff],
  [0x1f900, 0x1faff],
  [0x20000, 0x3fffd],
];
