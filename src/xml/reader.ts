import { XMLParser } from "fast-xml-parser";
import { DomsnapError } from "../core/errors/index.js";
import { decodeReferences } from "./characters.js";
import { decodeXmlBytes } from "./decode-bytes.js";
import type { XmlElement, XmlNode } from "./element.js";
import { assertWellFormed } from "./well-formed.js";
import { DEFAULT_XML_LIMITS, type XmlLimits } from "./xml-limits.js";

export interface ReadXmlOptions {
  /** How error texts call the document; libvirt's name of its kind, in parentheses. */
  readonly documentName?: string;
  readonly limits?: Partial<XmlLimits>;
}

/**
 * Text (or the bytes of a file) to the tree of its root element. Line ends are normalised,
 * references decoded, comments and instructions dropped, blanks between elements too; no other
 * text is trimmed or interpreted. Throws `xml-detail` when the document is not well-formed, has a
 * document type declaration, or goes beyond a limit.
 */
export function readXml(input: string | Uint8Array, options: ReadXmlOptions = {}): XmlElement {
  const documentName = options.documentName ?? "(document)";
  const limits = { ...DEFAULT_XML_LIMITS, ...options.limits };
  if (input.length > limits.maxSize)
    throw new DomsnapError(
      "xml-detail",
      `${documentName}: document is larger than ${limits.maxSize} bytes`,
      { hint: `Make the document smaller; it has ${input.length}.` },
    );
  const decoded = typeof input === "string" ? input : decodeXmlBytes(input, documentName);
  const text = normaliseLineEnds(decoded.startsWith("\uFEFF") ? decoded.slice(1) : decoded);
  assertWellFormed(text, documentName, limits);
  return toRoot(treeBuilder.parse(hideInstructions(text)) as OrderedNode[]);
}

function normaliseLineEnds(text: string): string {
  return text.includes("\r") ? text.replace(/\r\n?/g, "\n") : text;
}

/**
 * fast-xml-parser reads quotes in an instruction as if it had attributes. A comment in its place
 * has the same meaning, none. (CDATA and comments are matched first so that theirs stay.)
 */
function hideInstructions(text: string): string {
  if (!text.includes("<?")) return text;
  return text.replace(/<!\[CDATA\[[^]*?\]\]>|<!--[^]*?-->|<\?[^]*?\?>/g, (markup) =>
    markup.startsWith("<?") ? "<!---->" : markup,
  );
}

/** Keeps the parser's reserved names (`__proto__`, `constructor`) apart from those of elements. */
const NAME_GUARD = "=";
const ATTRIBUTE_GUARD = "@";
const TEXT = "#text";
const CDATA = "#cdata";
const COMMENT = "#comment";
const ATTRIBUTES = ":@";

const treeBuilder = new XMLParser({
  preserveOrder: true,
  ignoreAttributes: false,
  attributeNamePrefix: ATTRIBUTE_GUARD,
  textNodeName: TEXT,
  cdataPropName: CDATA,
  commentPropName: COMMENT,
  // Called twice for an empty element.
  transformTagName: (name) => (name.startsWith(NAME_GUARD) ? name : NAME_GUARD + name),
  parseTagValue: false,
  parseAttributeValue: false,
  trimValues: false,
  processEntities: false,
  // The checker has its own limit.
  maxNestedTags: Number.MAX_SAFE_INTEGER,
  jPath: false,
});

/** fast-xml-parser's node: one property named after the element, and perhaps the attributes. */
type OrderedNode = Readonly<Record<string, unknown>>;

function toRoot(nodes: readonly OrderedNode[]): XmlElement {
  const root = nodes.find((node) => nameOf(node).startsWith(NAME_GUARD));
  if (root === undefined) throw new TypeError("a checked document has a root element");
  return toElement(root);
}

function nameOf(node: OrderedNode): string {
  for (const key in node) if (key !== ATTRIBUTES) return key;
  return "";
}

function toElement(node: OrderedNode): XmlElement {
  const key = nameOf(node);
  return {
    name: key.slice(NAME_GUARD.length),
    attributes: toAttributes(node[ATTRIBUTES] as Readonly<Record<string, string>> | undefined),
    children: toChildren(node[key] as readonly OrderedNode[]),
  };
}

function toAttributes(values: Readonly<Record<string, string>> = {}): Map<string, string> {
  const attributes = new Map<string, string>();
  for (const [key, value] of Object.entries(values))
    attributes.set(
      key.slice(ATTRIBUTE_GUARD.length),
      decodeReferences(value.replace(/[\t\n\r]/g, " ")),
    );
  return attributes;
}

/** Drops blank text where libxml2 does when it is told to: between elements, not beside text. */
function toChildren(nodes: readonly OrderedNode[]): XmlNode[] {
  const children: XmlNode[] = [];
  let besideText = nodes.length === 1;
  for (const node of nodes) {
    const key = nameOf(node);
    const isElement = key.startsWith(NAME_GUARD);
    if (isElement) children.push(toElement(node));
    else if (key === CDATA || (key === TEXT && (besideText || !isBlank(node))))
      appendText(children, toText(node));
    const last = children[children.length - 1];
    besideText = typeof last === "string" || typeof children[0] === "string";
  }
  return children;
}

/** Undecoded, because a reference to a blank is content. */
function isBlank(node: OrderedNode): boolean {
  return /^[\t\n\r ]*$/.test(node[TEXT] as string);
}

function toText(node: OrderedNode): string {
  const text = node[TEXT] as string | undefined;
  if (text !== undefined) return decodeReferences(text);
  const [data] = node[CDATA] as readonly OrderedNode[];
  return (data?.[TEXT] as string | undefined) ?? "";
}

function appendText(children: XmlNode[], text: string): void {
  const last = children[children.length - 1];
  if (typeof last === "string") children[children.length - 1] = last + text;
  else if (text !== "") children.push(text);
}
