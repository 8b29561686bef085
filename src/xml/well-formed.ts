import { createNameMatcher, isXmlCharacter, PREDEFINED_ENTITIES } from "./characters.js";
import { XmlCursor } from "./xml-cursor.js";
import type { XmlLimits } from "./xml-limits.js";

/** Encodings whose declaration is believed; the text is decoded by the time it is checked. */
const KNOWN_ENCODINGS = /^(?:utf-?8|us-ascii|ascii|utf-16(?:le|be)?|iso-8859-1|latin1)$/i;

/**
 * Throws `xml-detail` unless the text is well-formed XML 1.0 as strict as libxml2 takes it, in one
 * pass and with libxml2's words. A document type declaration is refused, so that no entity can be
 * declared. Undeclared prefixes of namespaces are let pass, as by libvirt.
 */
export function assertWellFormed(text: string, documentName: string, limits: XmlLimits): void {
  new WellFormedScanner(text, documentName, limits).scanDocument();
}

interface OpenElement {
  readonly name: string;
  readonly offset: number;
}

class WellFormedScanner extends XmlCursor {
  #nodes = 0;
  readonly #open: OpenElement[] = [];
  readonly #asciiName = /[A-Za-z_:][-A-Za-z0-9._:]*/y;
  #anyName: RegExp | undefined;

  constructor(
    text: string,
    documentName: string,
    private readonly limits: XmlLimits,
  ) {
    super(text, documentName);
  }

  /** The name that stands next, or nothing. The full pattern takes long to compile, and few need it. */
  #matchName(): string {
    const start = this.offset;
    const name = this.match(this.#asciiName);
    if (!(this.text.charCodeAt(this.offset) >= 0x80)) return name;
    this.offset = start;
    return this.match((this.#anyName ??= createNameMatcher()));
  }

  scanDocument(): void {
    if (this.text === "") this.fail("Document is empty");
    if (/^<\?xml[\t\n\r ]/.test(this.text)) this.#scanDeclaration();
    this.#scanMisc();
    if (this.text[this.offset] !== "<") this.fail("Start tag expected, '<' not found");
    this.#scanStartTag();
    while (this.#open.length > 0) this.#scanContent();
    this.#scanMisc();
    if (this.offset < this.text.length) this.fail("Extra content at the end of the document");
    this.assertNoIllegalCharacter();
  }

  /** Comments, instructions and blanks around the root. */
  #scanMisc(): void {
    for (;;) {
      this.skipBlanks();
      if (this.at("<!DOCTYPE")) this.fail("document type declarations are not allowed");
      if (this.at("<!--")) this.#scanComment();
      else if (this.at("<?")) this.#scanInstruction();
      else return;
    }
  }

  #scanContent(): void {
    this.match(/[^<&\]]+/y);
    const next = this.text[this.offset];
    if (next === "<") this.#scanMarkup();
    else if (next === "&") this.#scanReference();
    else if (next === "]") {
      if (this.at("]]>")) this.fail("Sequence ']]>' not allowed in content");
      this.offset++;
    } else this.#failAtEnd();
  }

  #failAtEnd(): never {
    const last = this.#open[this.#open.length - 1];
    const where = last ? `${last.name} line ${this.lineAt(last.offset)}` : "";
    this.fail(`Premature end of data in tag ${where}`);
  }

  #scanMarkup(): void {
    if (this.at("</")) this.#scanEndTag();
    else if (this.at("<!--")) this.#scanComment();
    else if (this.at("<![CDATA[")) this.#scanCharacterData();
    else if (this.at("<?")) this.#scanInstruction();
    else this.#scanStartTag();
  }

  #scanStartTag(): void {
    const start = this.offset++;
    const name = this.#matchName();
    if (name === "") this.fail("StartTag: invalid element name");
    this.#count();
    const repeated = this.#scanAttributes();
    const isEmpty = this.at("/>");
    if (!isEmpty && !this.at(">"))
      this.fail(`Couldn't find end of Start Tag ${name} line ${this.lineAt(start)}`);
    if (repeated !== undefined) this.fail(`Attribute ${repeated} redefined`);
    this.offset += isEmpty ? 2 : 1;
    if (this.#open.length > this.limits.maxDepth)
      this.fail(`Excessive depth in document: ${this.limits.maxDepth}`);
    if (!isEmpty) this.#open.push({ name, offset: start });
  }

  /** Returns the name of an attribute that is there twice; libxml2 tells it after the tag. */
  #scanAttributes(): string | undefined {
    const seen = new Set<string>();
    let repeated: string | undefined;
    this.skipBlanks();
    while (!this.at(">") && !this.at("/>") && this.offset < this.text.length) {
      const name = this.#matchName();
      if (name === "") this.fail("error parsing attribute name");
      if (seen.has(name)) repeated ??= name;
      seen.add(name);
      this.#count();
      this.skipBlanks();
      if (!this.take("=")) this.fail(`Specification mandates value for attribute ${name}`);
      this.skipBlanks();
      this.#scanAttributeValue();
      if (!this.skipBlanks() && !this.at(">") && !this.at("/>"))
        this.fail("attributes construct error");
    }
    return repeated;
  }

  #scanAttributeValue(): void {
    const quote = this.text[this.offset];
    if (quote !== '"' && quote !== "'") this.fail("AttValue: \" or ' expected");
    this.offset++;
    const plain = quote === '"' ? /[^<&"]*/y : /[^<&']*/y;
    for (;;) {
      this.match(plain);
      const next = this.text[this.offset];
      if (next === quote) break;
      if (next === "<") this.fail("Unescaped '<' not allowed in attributes values");
      if (next === undefined) this.fail("AttValue: ' expected");
      this.#scanReference();
    }
    this.offset++;
  }

  #scanEndTag(): void {
    this.offset += 2;
    const name = this.#matchName() || "unparsable";
    this.skipBlanks();
    if (!this.take(">")) this.fail("expected '>'");
    const opened = this.#open.pop();
    if (opened && opened.name !== name)
      this.fail(
        `Opening and ending tag mismatch: ${opened.name} line ${this.lineAt(opened.offset)} and ${name}`,
      );
  }

  #scanReference(): void {
    this.offset++;
    if (this.take("#")) return this.#scanNumericReference();
    const name = this.#matchName();
    if (name === "") this.fail("xmlParseEntityRef: no name");
    if (!this.take(";")) this.fail("EntityRef: expecting ';'");
    if (!PREDEFINED_ENTITIES.has(name)) this.fail(`Entity '${name}' not defined`);
  }

  #scanNumericReference(): void {
    const isHex = this.take("x");
    const digits = this.match(isHex ? /[\dA-Fa-f]+/y : /\d+/y);
    if (!this.take(";")) this.fail(`CharRef: invalid ${isHex ? "hexadecimal" : "decimal"} value`);
    const codePoint = digits === "" ? 0 : parseInt(digits, isHex ? 16 : 10);
    if (codePoint > 0x10ffff) this.fail("xmlParseCharRef: character reference out of bounds");
    if (!isXmlCharacter(codePoint))
      this.fail(`xmlParseCharRef: invalid xmlChar value ${codePoint}`);
  }

  #scanComment(): void {
    const start = this.offset + "<!--".length;
    const end = this.find("--", start, "Comment not terminated");
    this.offset = end;
    if (!this.at("-->"))
      this.fail(`Double hyphen within comment: <!--${this.text.slice(start, end).slice(0, 50)}`);
    this.offset = end + "-->".length;
  }

  #scanCharacterData(): void {
    const start = this.offset + "<![CDATA[".length;
    const beginning = this.text.slice(start, -2).slice(0, 50);
    const end = this.find("]]>", start, `CData section not finished\n${beginning}`);
    this.offset = end + "]]>".length;
  }

  #scanInstruction(): void {
    this.offset += "<?".length;
    const target = this.#matchName();
    if (target === "") this.fail("xmlParsePI : no target name");
    if (target === "xml") this.fail("XML declaration allowed only at the start of the document");
    if (target.toLowerCase() === "xml") this.fail("Invalid PI name");
    if (!this.at("?>") && !this.skipBlanks()) this.fail(`ParsePI: PI ${target} space expected`);
    this.offset = this.find("?>", this.offset, `ParsePI: PI ${target} never end ...`) + 2;
  }

  #scanDeclaration(): void {
    this.offset += "<?xml".length;
    this.skipBlanks();
    const version = this.#scanPseudoAttribute("version", /\d\.\d*/y);
    if (version === undefined) this.fail("Malformed declaration expecting version");
    if (!version.startsWith("1.")) this.fail(`Unsupported version '${version}'`);
    if (!this.skipBlanks() && !this.at("?>")) this.fail("Blank needed here");
    const encoding = this.#scanPseudoAttribute("encoding", /[A-Za-z][\w.-]*/y);
    if (encoding === "") this.fail("Invalid XML encoding name");
    if (encoding !== undefined && !KNOWN_ENCODINGS.test(encoding))
      this.fail(`Unsupported encoding ${encoding}`);
    if (!this.skipBlanks() && !this.at("?>")) this.fail("Blank needed here");
    const standalone = this.#scanPseudoAttribute("standalone", /yes|no/y);
    if (standalone === "") this.fail("standalone accepts only 'yes' or 'no'");
    this.skipBlanks();
    if (!this.take("?>")) this.fail("parsing XML declaration: '?>' expected");
  }

  /** Undefined when it is not there, empty when its value does not begin with the pattern. */
  #scanPseudoAttribute(name: string, pattern: RegExp): string | undefined {
    if (!this.take(name)) return undefined;
    this.skipBlanks();
    if (!this.take("=")) this.fail("expected '='");
    this.skipBlanks();
    const quote = this.text[this.offset];
    if (quote !== '"' && quote !== "'") this.fail("String not started expecting ' or \"");
    this.offset++;
    const value = this.match(pattern);
    if (value === "" && name !== "version") return value;
    if (!this.take(quote)) this.fail("String not closed expecting \" or '");
    return value;
  }

  #count(): void {
    if (++this.#nodes > this.limits.maxNodes)
      this.fail(`more than ${this.limits.maxNodes} elements and attributes`);
  }
}
