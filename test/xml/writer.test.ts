import { expect } from "chai";
import fc from "fast-check";
import {
  element,
  escapeAttribute,
  escapeText,
  formatElement,
  indentXml,
  readXml,
  type XmlElement,
  type XmlNode,
} from "../../src/xml/index.js";

const NAME = fc.constantFrom("a", "b-c", "ns:d", "__proto__", "constructor", "é", "metadata");
/** Any text that XML can hold, with much of what is special in it. */
const TEXT = fc
  .array(
    fc.oneof(
      fc.constantFrom(..."<>&\"' \t\n\r;#x]-!?=/".split(""), "]]>", "&lt;", "\u{1F600}", "\u0085"),
      fc.string({ unit: "grapheme" }),
    ),
  )
  // eslint-disable-next-line no-control-regex
  .map((parts) => parts.join("").replace(/[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g, ""));

const ATTRIBUTES = fc.dictionary(NAME, TEXT, { maxKeys: 3, noNullPrototype: true });

const { tree } = fc.letrec<{ tree: XmlElement }>((tie) => ({
  tree: fc
    .tuple(NAME, ATTRIBUTES, fc.array(fc.oneof(TEXT, tie("tree")), { maxLength: 3 }))
    .map(([name, attributes, children]) => element(name, attributes, asRead(children))),
}));

/** Children as a reader gives them: neighbouring texts joined, no blanks between elements. */
function asRead(children: readonly XmlNode[]): XmlNode[] {
  const joined: XmlNode[] = [];
  for (const child of children) {
    const last = joined[joined.length - 1];
    if (child === "") continue;
    if (typeof child === "string" && typeof last === "string")
      joined[joined.length - 1] = last + child;
    else joined.push(child);
  }
  const isPlain = (node: XmlNode) => typeof node !== "string" || /[^\t\n\r ]/.test(node);
  return joined.length === 1 ? joined : joined.filter(isPlain);
}

describe("formatElement", () => {
  it("writes libvirt's layout", () => {
    const root = element("disk", { name: "vda", type: undefined }, [
      element("driver", { type: "raw" }),
      element("source", { file: "/a" }, [element("seclabel", {}, [element("label", {}, ["x"])])]),
    ]);
    expect(formatElement(root)).to.equal(
      [
        "<disk name='vda'>",
        "  <driver type='raw'/>",
        "  <source file='/a'>",
        "    <seclabel>",
        "      <label>x</label>",
        "    </seclabel>",
        "  </source>",
        "</disk>",
      ].join("\n"),
    );
  });

  it("keeps text with elements in it on one line", () => {
    const text = "<p>one<b/> <i>two</i></p>";
    expect(formatElement(readXml(text))).to.equal(text);
  });

  it("writes what is below metadata as libxml2 does", () => {
    const text =
      '<domain>\n  <metadata>\n    <x:y xmlns:x="u" z="it\'s">"t"</x:y>\n  </metadata>\n</domain>';
    expect(formatElement(readXml(text))).to.equal(text);
  });

  it("escapes as libvirt does, and drops what XML cannot hold", () => {
    expect(escapeText("a <b> \"q\" 'x' & é\u0001\u001b\n\t")).to.equal(
      "a &lt;b&gt; &quot;q&quot; &apos;x&apos; &amp; é\n\t",
    );
  });

  it("writes blanks so that a reader gives them back", () => {
    expect(escapeAttribute("a\tb\nc\rd")).to.equal("a&#9;b&#10;c&#13;d");
    expect(escapeText("a\rb")).to.equal("a&#13;b");
  });

  it("is undone by reading", () => {
    fc.assert(
      fc.property(tree, (root) => {
        expect(readXml(formatElement(root))).to.deep.equal(root);
      }),
    );
  });
});

describe("indentXml", () => {
  it("moves lines of layout, not those of texts", () => {
    const xml = "<a>\n  <b>one\n  two</b>\n</a>";
    expect(indentXml(xml, 1)).to.equal("  <a>\n    <b>one\n  two</b>\n  </a>");
    expect(indentXml(indentXml(xml, 3), -3)).to.equal(xml);
    expect(indentXml(xml, 0)).to.equal(xml);
  });

  it("gives what the writer would write at that level", () => {
    fc.assert(
      fc.property(tree, (root) => {
        const outer = element("outer", {}, [root]);
        const expected = `<outer>\n${indentXml(formatElement(root), 1)}\n</outer>`;
        expect(formatElement(outer)).to.equal(expected);
        expect(indentXml(indentXml(formatElement(root), 2), -2)).to.equal(formatElement(root));
      }),
    );
  });
});
