import { isElement, type XmlElement } from "./element.js";

/** Two blanks for each level, as libvirt indents. */
const INDENT = "  ";

const ESCAPES: Readonly<Record<string, string>> = {
  "<": "&lt;",
  ">": "&gt;",
  "&": "&amp;",
  '"': "&quot;",
  "'": "&apos;",
  "\t": "&#9;",
  "\n": "&#10;",
  "\r": "&#13;",
};

// eslint-disable-next-line no-control-regex
const UNPRINTABLE = /[\u0000-\u0008\u000B\u000C\u000E-\u001F\uFFFE\uFFFF]/g;

function escape(text: string, special: RegExp): string {
  return text.replace(UNPRINTABLE, "").replace(special, (character) => ESCAPES[character] ?? "");
}

/**
 * Text as libvirt escapes it; control characters that XML cannot hold are dropped. A carriage
 * return becomes a reference (libvirt writes it raw), for a reader would take it for a line end.
 */
export function escapeText(text: string): string {
  return escape(text, /[<>&"'\r]/g);
}

/**
 * An attribute's value as libvirt escapes it. Tabs and line ends become references (libvirt writes
 * them raw), for a reader would take them for blanks, and a path would become another.
 */
export function escapeAttribute(value: string): string {
  return escape(value, /[<>&"'\t\n\r]/g);
}

/** How a part of a document is written. */
interface Style {
  readonly quote: string;
  readonly escapeText: (text: string) => string;
  readonly escapeAttribute: (value: string) => string;
}

const LIBVIRT: Style = { quote: "'", escapeText, escapeAttribute };

/** What others put below `<metadata>`, libvirt has printed by libxml2. */
const LIBXML2: Style = {
  quote: '"',
  escapeText: (text) => escape(text, /[<>&\r]/g),
  escapeAttribute: (value) => escape(value, /[<>&"\t\n\r]/g),
};

/**
 * An element in libvirt's layout (libvirt: virBuffer, virXMLFormatElement), from level 0, without
 * a final newline. Reading it again gives the same element.
 */
export function formatElement(root: XmlElement): string {
  const lines: string[] = [];
  appendElement(lines, root, "", LIBVIRT);
  return lines.join("\n");
}

function appendElement(lines: string[], node: XmlElement, indent: string, style: Style): void {
  if (node.children.length === 0 || node.children.some((child) => !isElement(child))) {
    lines.push(indent + formatInline(node, style));
    return;
  }
  lines.push(`${indent}${formatTag(node, style)}>`);
  const inner = node.name === "metadata" ? LIBXML2 : style;
  for (const child of node.children)
    if (isElement(child)) appendElement(lines, child, indent + INDENT, inner);
  lines.push(`${indent}</${node.name}>`);
}

/** Text with or without elements in it: on one line, because blanks in it have a meaning. */
function formatInline(node: XmlElement, style: Style): string {
  if (node.children.length === 0) return `${formatTag(node, style)}/>`;
  const content = node.children
    .map((child) => (isElement(child) ? formatInline(child, style) : style.escapeText(child)))
    .join("");
  // A line end between tags would be taken for layout.
  const isAmbiguous = node.children.some(isElement) || content.trim() === "";
  const body = isAmbiguous ? content.replaceAll("\n", "&#10;") : content;
  return `${formatTag(node, style)}>${body}</${node.name}>`;
}

/** A start tag without its end. */
function formatTag(node: XmlElement, { quote, escapeAttribute: escaped }: Style): string {
  let tag = `<${node.name}`;
  for (const [name, value] of node.attributes) tag += ` ${name}=${quote}${escaped(value)}${quote}`;
  return tag;
}

/**
 * Canonical text (as `formatElement` makes it) moved some levels to the right or, with a negative
 * number, to the left. Only line ends between tags are layout; those inside of texts stay.
 */
export function indentXml(xml: string, levels: number): string {
  if (levels === 0) return xml;
  if (levels > 0) {
    const indent = INDENT.repeat(levels);
    return indent + xml.replace(/>\n(?= *<)/g, `>\n${indent}`);
  }
  const width = INDENT.length * -levels;
  return xml.replace(new RegExp(`>\\n {${width}}(?= *<)`, "g"), ">\n").slice(width);
}
