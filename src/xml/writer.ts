import { isElement, type XmlElement, type XmlNode } from "./element.js";

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

/**
 * Text as libvirt escapes it; control characters that XML cannot hold are dropped. A carriage
 * return becomes a reference (libvirt writes it raw), for a reader would take it for a line end.
 */
export function escapeText(text: string): string {
  const blank = /^[\t\n\r ]*$/.test(text);
  return escape(text, blank ? /[<>&"'\n\r]/g : /[<>&"'\r]/g);
}

/**
 * An attribute's value as libvirt escapes it. Tabs and line ends become references (libvirt writes
 * them raw), for a reader would take them for blanks, and a path would become another.
 */
export function escapeAttribute(value: string): string {
  return escape(value, /[<>&"'\t\n\r]/g);
}

// eslint-disable-next-line no-control-regex
const UNPRINTABLE = /[\u0000-\u0008\u000B\u000C\u000E-\u001F\uFFFE\uFFFF]/g;

function escape(text: string, special: RegExp): string {
  return text.replace(UNPRINTABLE, "").replace(special, (character) => ESCAPES[character] ?? "");
}

/** An element in libvirt's layout, from level 0, without a final newline. */
export function formatElement(root: XmlElement): string {
  const lines: string[] = [];
  appendElement(lines, root, "");
  return lines.join("\n");
}

function appendElement(lines: string[], node: XmlElement, indent: string): void {
  const elements = node.children.filter(isElement);
  if (node.children.length === 0) lines.push(`${indent}${formatTag(node, "/>")}`);
  else if (elements.length < node.children.length) lines.push(indent + formatInline(node));
  else {
    lines.push(`${indent}${formatTag(node, ">")}`);
    for (const child of elements) appendElement(lines, child, indent + INDENT);
    lines.push(`${indent}</${node.name}>`);
  }
}

/** Text with or without elements in it: on one line, because blanks in it have a meaning. */
function formatInline(node: XmlNode): string {
  if (!isElement(node)) return escapeText(node);
  if (node.children.length === 0) return formatTag(node, "/>");
  const mixed = node.children.some(isElement);
  const content = node.children.map(formatInline).join("");
  const body = mixed ? content.replaceAll("\n", "&#10;") : content;
  return `${formatTag(node, ">")}${body}</${node.name}>`;
}

function formatTag(node: XmlElement, end: string): string {
  let tag = `<${node.name}`;
  for (const [name, value] of node.attributes) tag += ` ${name}='${escapeAttribute(value)}'`;
  return tag + end;
}

/**
 * Canonical text (as `formatElement` makes it) moved some levels to the right or, with a negative
 * number, to the left. Only line ends between tags are layout; those inside of texts stay.
 */
export function indentXml(xml: string, levels: number): string {
  if (levels === 0) return xml;
  if (levels > 0) {
    const indent = INDENT.repeat(levels);
    return indent + xml.replace(/(?<=>)\n(?= *<)/g, `\n${indent}`);
  }
  const width = INDENT.length * -levels;
  return xml.replace(new RegExp(`(?<=>)\\n {${width}}(?= *<)`, "g"), "\n").slice(width);
}
