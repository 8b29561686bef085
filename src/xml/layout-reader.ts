import { decodeReferences } from "./characters.js";
import type { XmlElement, XmlNode } from "./element.js";

/** The elements below one that a caller looks at: all of them, or some by their names. */
export type Wanted = "all" | ReadonlyMap<string, Wanted>;
interface WantedNames {
  readonly [name: string]: "all" | WantedNames;
}

/** A map does not take `constructor` for a name that is wanted. */
export function wantedOf(names: WantedNames): ReadonlyMap<string, Wanted> {
  return new Map(
    Object.entries(names).map(([name, below]) => [name, below === "all" ? below : wantedOf(below)]),
  );
}

export interface LaidOutElement {
  /** As the writer formats the whole element: canonical, from level 0, without a final line end. */
  readonly xml: string;
  /** The element with what is wanted of it, as the general reader reads it. */
  readonly root: XmlElement;
}

/**
 * Reads an element of a document that is laid out as libvirt and our writer do it. Then its
 * canonical text is the text itself, moved one level to the left, so that no tree need be made of
 * what nobody looks at. `content` is what stands between `<NAME` and the line of `</NAME>` of an
 * element one level below the root. Attributes of the element itself that are `dropped` are left
 * out. Undefined for any other layout, for what is not well-formed and for very large texts: the
 * general reader then reads it or tells what is wrong.
 */
export function readLaidOut(
  content: string,
  name: string,
  wanted: ReadonlyMap<string, Wanted>,
  dropped: string,
): LaidOutElement | undefined {
  if (content.length > MAX_LENGTH) return undefined;
  return new LayoutReader(content, name, wanted).read(dropped);
}

/** Characters. No text so long can break a limit of the general reader on the number of nodes. */
const MAX_LENGTH = 256 * 1024;
/** Well below the limit of the general reader. */
const MAX_DEPTH = 100;
/** Blanks for each level. */
const INDENT = 2;

/** How tags and texts look in a part of a document; see the styles of the writer. */
interface Style {
  readonly attribute: RegExp;
  readonly text: RegExp;
}

/** Characters with a meaning, those that no document may hold, and surrogates (which may be unpaired). */
const SPECIAL = "<>&\\0-\\x08\\x0b-\\x1f\\ud800-\\udfff\\ufffe\\uffff";
const run = (excluded: string, references: string) =>
  `[^${SPECIAL}${excluded}]*(?:&(?:${references});[^${SPECIAL}${excluded}]*)*`;
const NAME = "[A-Za-z_:][-A-Za-z0-9._:]*";
const attribute = (quote: string, value: string) =>
  new RegExp(` (${NAME})=${quote}(${value})${quote}`, "y");

const LIBVIRT: Style = {
  attribute: attribute("'", run("\"'\\t\\n", "lt|gt|amp|quot|apos|#9|#10|#13")),
  text: new RegExp(run("\"'", "lt|gt|amp|quot|apos|#13"), "y"),
};
const LIBXML2: Style = {
  attribute: attribute('"', run('"\\t\\n', "lt|gt|amp|quot|#9|#10|#13")),
  text: new RegExp(run("", "lt|gt|amp|#13"), "y"),
};
const OPENING = new RegExp(`<(${NAME})`, "y");

/** An element whose end is still to come. */
interface OpenElement {
  readonly name: string;
  readonly style: Style;
  /** Undefined for an element that nobody looks at. */
  readonly children: XmlNode[] | undefined;
  readonly wanted: Wanted | undefined;
}

class LayoutReader {
  #offset = 0;
  readonly #lines: string[] = [];
  readonly #open: OpenElement[] = [];
  /** Whether the last line was that of a start tag, which an end tag must not follow. */
  #isJustOpened = true;

  constructor(
    private readonly text: string,
    private readonly name: string,
    private readonly wanted: ReadonlyMap<string, Wanted>,
  ) {}

  read(dropped: string): LaidOutElement | undefined {
    const attributes = this.#takeAttributes(LIBVIRT);
    const startTag = `<${this.name}${this.text.slice(0, this.#offset)}>`;
    if (!attributes || !this.#take(">\n")) return undefined;
    const removed = attributes.get(dropped);
    if (removed !== undefined) attributes.delete(dropped);
    this.#lines.push(
      removed === undefined ? startTag : startTag.replace(` ${dropped}='${removed}'`, ""),
    );
    const children: XmlNode[] = [];
    const { name, wanted } = this;
    this.#open.push({ name, style: LIBVIRT, children, wanted });
    while (this.#offset < this.text.length) if (!this.#takeLine()) return undefined;
    if (this.#open.length !== 1 || this.#isJustOpened) return undefined;
    this.#lines.push(`</${name}>`);
    return {
      xml: this.#lines.join("\n"),
      root: { name, attributes: decoded(attributes), children },
    };
  }

  #takeLine(): boolean {
    const start = this.#offset;
    while (this.text.charCodeAt(this.#offset) === 0x20) this.#offset++;
    const width = this.#offset - start;
    const isEnd = this.text.startsWith("</", this.#offset);
    const levels = isEnd ? this.#open.length : this.#open.length + 1;
    if (width !== levels * INDENT || !(isEnd ? this.#takeEnd() : this.#takeElement())) return false;
    this.#lines.push(this.text.slice(start + INDENT, this.#offset));
    return this.#take("\n");
  }

  #takeEnd(): boolean {
    if (this.#isJustOpened || this.#open.length === 1) return false;
    return this.#take(`</${this.#open.pop()?.name ?? ""}>`);
  }

  #takeElement(): boolean {
    const parent = this.#open[this.#open.length - 1];
    const name = this.#match(OPENING)?.[1];
    if (!parent || name === undefined) return false;
    const attributes = this.#takeAttributes(parent.style);
    if (!attributes) return false;
    const wanted = typeof parent.wanted === "object" ? parent.wanted.get(name) : parent.wanted;
    const children: XmlNode[] | undefined = wanted && [];
    if (children) parent.children?.push({ name, attributes: decoded(attributes), children });
    this.#isJustOpened = false;
    if (this.#take("/>")) return true;
    if (!this.#take(">")) return false;
    // No layout has a text that begins with a line end.
    if (!this.text.startsWith("\n", this.#offset))
      return this.#takeText(name, parent.style, children);
    const style = name === "metadata" ? LIBXML2 : parent.style;
    this.#open.push({ name, style, children, wanted });
    this.#isJustOpened = true;
    return this.#open.length < MAX_DEPTH;
  }

  #takeText(name: string, style: Style, children: XmlNode[] | undefined): boolean {
    const [text = ""] = this.#match(style.text) ?? [];
    if (text.trim() === "") return false;
    children?.push(decodeReferences(text));
    return this.#take(`</${name}>`);
  }

  /** Undecoded, by their names; undefined when one is there twice. */
  #takeAttributes(style: Style): Map<string, string> | undefined {
    const attributes = new Map<string, string>();
    for (;;) {
      const [whole, name, value] = this.#match(style.attribute) ?? [];
      if (whole === undefined || name === undefined || value === undefined) return attributes;
      if (attributes.has(name)) return undefined;
      attributes.set(name, value);
    }
  }

  #match(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#offset;
    const found = pattern.exec(this.text);
    if (!found) return undefined;
    this.#offset = pattern.lastIndex;
    return found;
  }

  #take(literal: string): boolean {
    if (!this.text.startsWith(literal, this.#offset)) return false;
    this.#offset += literal.length;
    return true;
  }
}

function decoded(attributes: Map<string, string>): ReadonlyMap<string, string> {
  for (const [name, value] of attributes)
    if (value.includes("&")) attributes.set(name, decodeReferences(value));
  return attributes;
}
