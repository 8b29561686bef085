import {
  createNameMatcher,
  ILLEGAL_CHARACTER,
  isXmlCharacter,
  PREDEFINED_ENTITIES,
} from "./characters.js";
import { syntaxError } from "./syntax-error.js";
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

class WellFormedScanner {
  private offset = 0;
  private nodes = 0;
  private readonly open: OpenElement[] = [];
  private readonly name = createNameMatcher();
  private readonly illegalAt: number;

  constructor(
    private readonly text: string,
    private readonly documentName: string,
    private readonly limits: XmlLimits,
  ) {
    this.illegalAt = text.search(ILLEGAL_CHARACTER);
  }

  scanDocument(): void {
    if (this.text === "") this.fail("Document is empty");
    if (/^<\?xml[\t\n\r ]/.test(this.text)) this.scanDeclaration();
    this.scanMisc();
    if (this.text[this.offset] !== "<") this.fail("Start tag expected, '<' not found");
    this.scanMarkup();
    while (this.open.length > 0) this.scanContent();
    this.scanMisc();
    if (this.offset < this.text.length) this.fail("Extra content at the end of the document");
    if (this.illegalAt >= 0) this.fail("");
  }

  /** Comments, instructions and blanks around the root. */
  private scanMisc(): void {
    for (;;) {
      this.skipBlanks();
      if (this.at("<!DOCTYPE")) this.fail("document type declarations are not allowed");
      if (this.at("<!--")) this.scanComment();
      else if (this.at("<?")) this.scanInstruction();
      else return;
    }
  }

  private scanContent(): void {
    this.match(/[^<&\]]+/y);
    const next = this.text[this.offset];
    if (next === "<") this.scanMarkup();
    else if (next === "&") this.scanReference();
    else if (next === "]") {
      if (this.at("]]>")) this.fail("Sequence ']]>' not allowed in content");
      this.offset++;
    } else this.failAtEnd();
  }

  private failAtEnd(): never {
    const last = this.open[this.open.length - 1];
    const where = last ? `${last.name} line ${this.lineAt(last.offset)}` : "";
    this.fail(`Premature end of data in tag ${where}`);
  }

  private scanMarkup(): void {
    if (this.at("</")) this.scanEndTag();
    else if (this.at("<!--")) this.scanComment();
    else if (this.at("<![CDATA[")) this.scanCharacterData();
    else if (this.at("<?")) this.scanInstruction();
    else this.scanStartTag();
  }

  private scanStartTag(): void {
    const start = this.offset++;
    const name = this.match(this.name);
    if (name === "") this.fail("StartTag: invalid element name");
    this.count();
    const repeated = this.scanAttributes();
    const isEmpty = this.at("/>");
    if (!isEmpty && !this.at(">"))
      this.fail(`Couldn't find end of Start Tag ${name} line ${this.lineAt(start)}`);
    if (repeated !== undefined) this.fail(`Attribute ${repeated} redefined`);
    this.offset += isEmpty ? 2 : 1;
    if (isEmpty) return;
    if (this.open.length > this.limits.maxDepth)
      this.fail(`Excessive depth in document: ${this.limits.maxDepth}`);
    this.open.push({ name, offset: start });
  }

  /** Returns the name of an attribute that is there twice. */
  private scanAttributes(): string | undefined {
    const seen = new Set<string>();
    let repeated: string | undefined;
    while (this.skipBlanks() && !this.at(">") && !this.at("/>")) {
      const name = this.match(this.name);
      if (name === "") {
        if (this.offset >= this.text.length) return repeated;
        this.fail("error parsing attribute name");
      }
      if (seen.has(name)) repeated ??= name;
      seen.add(name);
      this.count();
      this.skipBlanks();
      if (!this.take("=")) this.fail(`Specification mandates value for attribute ${name}`);
      this.skipBlanks();
      this.scanAttributeValue();
      if (!/[\t\n\r />]/.test(this.text[this.offset] ?? ">"))
        this.fail("attributes construct error");
    }
    return repeated;
  }

  private scanAttributeValue(): void {
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
      this.scanReference();
    }
    this.offset++;
  }

  private scanEndTag(): void {
    this.offset += 2;
    const name = this.match(this.name) || "unparsable";
    this.skipBlanks();
    if (!this.take(">")) this.fail("expected '>'");
    const opened = this.open.pop();
    if (opened && opened.name !== name)
      this.fail(
        `Opening and ending tag mismatch: ${opened.name} line ${this.lineAt(opened.offset)} and ${name}`,
      );
  }

  private scanReference(): void {
    this.offset++;
    if (this.take("#")) return this.scanNumericReference();
    const name = this.match(this.name);
    if (name === "") this.fail("xmlParseEntityRef: no name");
    if (!this.take(";")) this.fail("EntityRef: expecting ';'");
    if (!PREDEFINED_ENTITIES.has(name)) this.fail(`Entity '${name}' not defined`);
  }

  private scanNumericReference(): void {
    const isHex = this.take("x");
    const digits = this.match(isHex ? /[\dA-Fa-f]+/y : /\d+/y);
    const kind = isHex ? "hexadecimal" : "decimal";
    if (digits === "" || !this.take(";")) this.fail(`xmlParseCharRef: invalid ${kind} value`);
    const codePoint = parseInt(digits, isHex ? 16 : 10);
    if (codePoint > 0x10ffff) this.fail("xmlParseCharRef: character reference out of bounds");
    if (!isXmlCharacter(codePoint))
      this.fail(`xmlParseCharRef: invalid xmlChar value ${codePoint}`);
  }

  private scanComment(): void {
    const start = this.offset + 4;
    const end = this.text.indexOf("--", start);
    if (end < 0)
      this.failUnfinished("Comment not terminated", `<!--${this.text.slice(start, start + 50)}`);
    this.offset = end;
    if (!this.at("-->"))
      this.fail(`Double hyphen within comment: <!--${this.text.slice(start, end).slice(0, 50)}`);
    this.offset = end + 3;
  }

  private scanCharacterData(): void {
    const start = this.offset + "<![CDATA[".length;
    const end = this.text.indexOf("]]>", start);
    if (end < 0)
      this.failUnfinished("CData section not finished", this.text.slice(start, start + 50));
    this.offset = end + 3;
  }

  private scanInstruction(): void {
    this.offset += 2;
    const target = this.match(this.name);
    if (target === "") this.fail("xmlParsePI : no target name");
    if (target === "xml") this.fail("XML declaration allowed only at the start of the document");
    if (target.toLowerCase() === "xml")
      this.fail("XML declaration allowed only at the start of the document");
    if (!this.at("?>") && this.match(/[\t\n\r ]+/y) === "")
      this.fail(`ParsePI: PI ${target} space expected`);
    const end = this.text.indexOf("?>", this.offset);
    if (end < 0) this.failUnfinished(`ParsePI: PI ${target} never end ...`);
    this.offset = end + 2;
  }

  private scanDeclaration(): void {
    this.offset += "<?xml".length;
    const version = this.scanPseudoAttribute("version");
    if (version === undefined) this.fail("Malformed declaration expecting version");
    if (!/^1\.\d*$/.test(version)) this.fail(`Unsupported version '${version}'`);
    const encoding = this.scanPseudoAttribute("encoding");
    if (encoding !== undefined && !KNOWN_ENCODINGS.test(encoding))
      this.fail(`Unsupported encoding ${encoding}`);
    const standalone = this.scanPseudoAttribute("standalone");
    if (standalone !== undefined && !/^(?:yes|no)$/.test(standalone))
      this.fail("standalone accepts only 'yes' or 'no'");
    this.skipBlanks();
    if (!this.at("?>")) this.fail("parsing XML declaration: '?>' expected");
    this.offset += 2;
  }

  private scanPseudoAttribute(name: string): string | undefined {
    const found = this.match(
      new RegExp(`[\\t\\n\\r ]+${name}[\\t\\n\\r ]*=[\\t\\n\\r ]*(?:"[^"<&]*"|'[^'<&]*')`, "y"),
    );
    return found === "" ? undefined : found.slice(found.search(/["']/) + 1, -1);
  }

  private count(): void {
    if (++this.nodes > this.limits.maxNodes)
      this.fail(`more than ${this.limits.maxNodes} elements and attributes`);
  }

  private match(pattern: RegExp): string {
    pattern.lastIndex = this.offset;
    const found = pattern.exec(this.text)?.[0] ?? "";
    this.offset += found.length;
    return found;
  }

  private at(literal: string): boolean {
    return this.text.startsWith(literal, this.offset);
  }

  private take(literal: string): boolean {
    if (!this.at(literal)) return false;
    this.offset += literal.length;
    return true;
  }

  /** Always true, for use in conditions. */
  private skipBlanks(): true {
    let code = this.text.charCodeAt(this.offset);
    while (code === 0x20 || code === 0x0a || code === 0x09 || code === 0x0d)
      code = this.text.charCodeAt(++this.offset);
    return true;
  }

  private lineAt(offset: number): number {
    let line = 1;
    for (
      let at = this.text.indexOf("\n");
      at >= 0 && at < offset;
      at = this.text.indexOf("\n", at + 1)
    )
      line++;
    return line;
  }

  /** What is begun reaches to the end of the text. */
  private failUnfinished(problem: string, beginning?: string): never {
    this.offset = this.text.length;
    this.fail(beginning === undefined ? problem : `${problem} \n${beginning}`);
  }

  private fail(problem: string): never {
    if (this.illegalAt >= 0 && this.illegalAt <= this.offset) {
      const value = this.text.codePointAt(this.illegalAt) ?? 0;
      const illegal = `PCDATA invalid Char value ${value}`;
      throw syntaxError(this.documentName, this.text, this.illegalAt, illegal);
    }
    throw syntaxError(this.documentName, this.text, this.offset, problem);
  }
}
