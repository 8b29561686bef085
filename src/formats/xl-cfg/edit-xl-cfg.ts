import { quote } from "./quoted-string.js";
import { parseXlCfg } from "./parse-xl-cfg.js";
import { valueOfNode, type XlAssignment, type XlNode, type XlValue } from "./xl-value.js";

/** A value as xl reads it back. Throws `invalid-argument` for what its language cannot hold. */
export function formatXlValue(value: XlValue): string {
  if (typeof value === "string") return quote(value);
  return value.length === 0 ? "[]" : `[ ${value.map(formatXlValue).join(", ")} ]`;
}

/** A whole text: one assignment a line, in the order given; undefined values are left out. */
export function formatXlCfg(settings: Readonly<Record<string, XlValue | undefined>>): string {
  return Object.entries(settings)
    .filter((entry): entry is [string, XlValue] => entry[1] !== undefined)
    .map(([name, value]) => `${name}=${formatXlValue(value)}\n`)
    .join("");
}

/**
 * The text with other values for some names; undefined removes a name. Everything else stays as it
 * is written: unknown names, comments, order, blanks, also those inside of a list whose items
 * change. A name that is not there is added at the end. Idempotent. Throws as `parseXlCfg` when the
 * text is not valid, and as `formatXlValue`.
 */
export function editXlCfg(
  text: string,
  changes: Readonly<Record<string, XlValue | undefined>>,
): string {
  let edited = text;
  for (const [name, value] of Object.entries(changes)) edited = editOne(edited, name, value);
  return edited;
}

/** One stretch of the text to replace. */
interface Replacement {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

function editOne(text: string, name: string, value: XlValue | undefined): string {
  const { assignments, settings } = parseXlCfg(text);
  const own = assignments.filter((assignment) => assignment.name === name);
  const last = own.at(-1);
  if (value === undefined) return replaceAll(text, own.map(removal(text)));
  if (!last) {
    const lineEnd = text === "" || text.endsWith("\n") ? "" : "\n";
    return `${text}${lineEnd}${name} = ${formatXlValue(value)}\n`;
  }
  if (isSameValue(settings.get(name)?.value, value)) return text;
  // The last assignment wins, and decides alone once it adds to nothing.
  if (last.operator === "+=") {
    const whole = { start: last.start, end: last.end, text: `${name} = ${formatXlValue(value)}` };
    return replaceAll(text, [whole]);
  }
  return replaceAll(text, changeNode(last.node, value));
}

function changeNode(node: XlNode, value: XlValue): Replacement[] {
  if (isSameValue(valueOfNode(node), value)) return [];
  const { start, end } = node;
  if (!("items" in node) || typeof value === "string" || value.length === 0)
    return [{ start, end, text: formatXlValue(value) }];
  const last = node.items.at(-1);
  if (!last) return [{ start, end, text: formatXlValue(value) }];
  const changed = node.items
    .slice(0, value.length)
    .flatMap((item, index) => changeNode(item, value[index] ?? ""));
  const added = value.slice(node.items.length).map((item) => `, ${formatXlValue(item)}`);
  const lastKept = node.items[value.length - 1] ?? last;
  // Also drops the items that are too many.
  return [...changed, { start: lastKept.end, end: last.end, text: added.join("") }];
}

/** An assignment alone on its line goes with the line. */
function removal(text: string) {
  return ({ start, end }: XlAssignment): Replacement => {
    const lineStart = text.lastIndexOf("\n", start - 1) + 1;
    const lineEnd = text.indexOf("\n", end);
    const restEnd = lineEnd < 0 ? text.length : lineEnd;
    const alone =
      text.slice(lineStart, start).trim() === "" &&
      /^[ \t]*;?[ \t]*$/.test(text.slice(end, restEnd));
    if (alone) return { start: lineStart, end: Math.min(restEnd + 1, text.length), text: "" };
    return { start, end, text: "" };
  };
}

function replaceAll(text: string, replacements: readonly Replacement[]): string {
  return [...replacements]
    .sort((a, b) => b.start - a.start)
    .reduce(
      (edited, { start, end, text: by }) => edited.slice(0, start) + by + edited.slice(end),
      text,
    );
}

function isSameValue(one: XlValue | undefined, other: XlValue): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
