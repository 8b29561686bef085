import { expect } from "chai";
import fc from "fast-check";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { parseDomain, parseLaidOutDomain } from "../../src/xml/domain.js";
import {
  element,
  formatElement,
  formatSnapshot,
  indentXml,
  parseSnapshot,
  SnapshotReader,
  type XmlElement,
} from "../../src/xml/index.js";
import { SNAPSHOT } from "./arbitrary-snapshot.js";

const FIXTURES = join(import.meta.dirname, "../../fixtures/libvirt-xml");
const documentsIn = (folder: string) =>
  readdirSync(join(FIXTURES, folder))
    .filter((name) => name.endsWith(".xml"))
    .map((name) => [`${folder}/${name}`, readFileSync(join(FIXTURES, folder, name), "utf8")]);
const DOMAINS = documentsIn("domains");
const REDEFINE = readFileSync(join(FIXTURES, "redefine-disk-snapshot.xml"), "utf8");

/** What the reader of definitions gets of a definition that stands one level below the root. */
const contentOf = (xml: string) =>
  `${indentXml(xml, 1)}\n`.replace(/^ {2}<domain/, "").replace(/ {2}<\/domain>\n$/, "");

const outcome = (work: () => unknown): unknown => {
  try {
    return work();
  } catch (error) {
    return (error as Error).message;
  }
};

describe("the reader of what is laid out as libvirt does it", () => {
  for (const [name = "", text = ""] of DOMAINS)
    it(`reads ${name} as the general reader does`, () => {
      const definition = parseDomain(text);
      expect(parseLaidOutDomain(contentOf(definition.xml))).to.deep.equal(definition);
    });

  for (const [name = "", text = ""] of documentsIn("qemu"))
    it(`reads ${name} as the whole parser does`, () => {
      const whole = parseSnapshot(text, { redefine: true });
      expect(new SnapshotReader().read(text).snapshot).to.deep.equal(whole);
      expect(parseLaidOutDomain(contentOf(whole.domain?.xml ?? ""))).to.deep.equal(whole.domain);
    });

  it("agrees with the general reader on what is hostile, or leaves it alone", () => {
    const { xml } = parseDomain(DOMAINS[0]?.[1] ?? "");
    const lines = [
      "<qemu:arg value='x'/>",
      "<a:b:c/>",
      "<x y='1' y='2'/>",
      "<x>a<![CDATA[<b>]]></x>",
      "<!-- c -->",
      "<x>a\r\nb</x>",
      "<x>&#xD;</x>",
      "<x>&#13;</x>",
      "<x a='\u0085'/>",
      "<x>]]></x>",
      "<x>\ufeff</x>",
      "<__proto__ __proto__='1'/>",
      "<name>two</name>",
      "<x>\u0001</x>",
      "<x>a  </x>",
      "<x>a</x><y/>",
    ];
    for (const start of ["", " xmlns:qemu='u'", " a=' id=&apos;3&apos;'", " id='$&amp;'"])
      for (const line of lines) {
        const hostile = xml
          .replace("<domain", () => `<domain${start}`)
          .replace("</domain>", () => `  ${line}\n</domain>`);
        const laidOut = outcome(() => parseLaidOutDomain(contentOf(hostile)));
        if (laidOut !== undefined)
          expect(laidOut, start + line).to.deep.equal(outcome(() => parseDomain(hostile)));
      }
  });

  it("leaves the id of a running guest out", () => {
    const { xml } = parseDomain(DOMAINS[0]?.[1] ?? "");
    const live = xml.replace(/^<domain type='(\w+)'/, "<domain type='$1' id='7'");
    expect(live).not.to.equal(xml);
    expect(parseLaidOutDomain(contentOf(live))?.xml).to.equal(xml);
  });

  it("reads every snapshot as the whole parser does", () => {
    fc.assert(
      fc.property(SNAPSHOT, (snapshot) => {
        const text = formatSnapshot(snapshot, { secure: true });
        const { name, ...whole } = parseSnapshot(text, { redefine: true });
        expect(new SnapshotReader().read(text).snapshot).to.deep.equal({ ...whole, name });
      }),
    );
  });

  it("reads whatever may stand in a definition as the general reader does, or not at all", () => {
    const { xml } = parseDomain(DOMAINS[0]?.[1] ?? "");
    fc.assert(
      fc.property(ELEMENT, (extra) => {
        const text = formatElement(extra);
        const with_ = xml.replace(/<\/domain>$/, `${indentXml(text, 1)}\n</domain>`);
        const read = outcome(() => parseLaidOutDomain(contentOf(with_)));
        if (read) expect(read).to.deep.equal(outcome(() => parseDomain(with_)));
      }),
      { numRuns: 500 },
    );
  });

  it("never differs from the general reader when a definition is damaged", () => {
    const begin = REDEFINE.indexOf("  <domain ");
    const damage = fc.tuple(
      fc.integer({ min: begin, max: REDEFINE.length - 1 }),
      fc.nat(6),
      fc.oneof(
        fc.constantFrom("", "<", ">", "/>", "&", "'", '"', "\n", "\r", "\t", " ", "  ", "x", "\0"),
        fc.constantFrom("]]>", "<!--", "-->", "<![CDATA[x]]>", "<?x?>", "&#1;", "&#9;", "&#10;"),
        fc.constantFrom("&foo;", "&amp;", "&gt;", "\ud800", "\u{1F600}", "é", " a='b'", " a='b'"),
        fc.constantFrom("<a/>", "<a>b</a>", "<a>\n</a>", "</a>", "<metadata>", "</domain>", "\n  "),
      ),
    );
    fc.assert(
      fc.property(damage, ([at, cut, text]) => {
        const damaged = REDEFINE.slice(0, at) + text + REDEFINE.slice(at + cut);
        expect(outcome(() => new SnapshotReader().read(damaged).snapshot)).to.deep.equal(
          outcome(() => parseSnapshot(damaged, { redefine: true })),
        );
      }),
      { numRuns: 1500 },
    );
  });

  it("leaves texts that are out of proportion to the general reader", () => {
    const { xml } = parseDomain(DOMAINS[0]?.[1] ?? "");
    const large = xml.replace("</domain>", `${"  <x/>\n".repeat(50_000)}</domain>`);
    expect(parseLaidOutDomain(contentOf(large))).to.equal(undefined);
    const open = Array.from({ length: 300 }, (_, level) => `${"  ".repeat(level)}<x>`);
    const close = open.map((line) => line.replace("<", "</")).reverse();
    const nested = indentXml(
      [...open.slice(0, -1), `${"  ".repeat(299)}<x/>`, ...close.slice(1)].join("\n"),
      1,
    );
    const deep = xml.replace("</domain>", `${nested}\n</domain>`);
    expect(parseLaidOutDomain(contentOf(deep))).to.equal(undefined);
  });
});

const NAME = fc.constantFrom(
  "metadata",
  "description",
  "os",
  "uuid",
  "devices",
  "disk",
  "a:b",
  "x",
);
const CONTENT = fc
  .array(fc.constantFrom(..."<>&\"' \t\n\r;a".split(""), "]]>", "\u00a0", "\u{1F600}"), {
    maxLength: 5,
  })
  .map((parts) => parts.join(""));
const ELEMENT: fc.Arbitrary<XmlElement> = fc.letrec<{ node: XmlElement }>((tie) => ({
  node: fc
    .tuple(
      NAME,
      fc.dictionary(fc.constantFrom("a", "id", "type", "x:y"), CONTENT, { maxKeys: 3 }),
      fc.oneof(
        { maxDepth: 4 },
        CONTENT.map((text) => (text === "" ? [] : [text])),
        fc.array(tie("node"), { maxLength: 3 }),
      ),
    )
    .map(([name, attributes, children]) => element(name, attributes, children)),
})).node;
