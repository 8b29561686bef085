import { expect } from "chai";
import { DomsnapError } from "../../src/core/errors/index.js";
import {
  childNamed,
  elementsOf,
  locateSyntaxError,
  readXml,
  textOf,
  type XmlElement,
} from "../../src/xml/index.js";

function failureOf(work: () => unknown): DomsnapError {
  try {
    work();
  } catch (error) {
    if (error instanceof DomsnapError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

const attributesOf = (node: XmlElement) => Object.fromEntries(node.attributes);

describe("readXml", () => {
  it("keeps names, attributes, elements and text in document order", () => {
    const root = readXml("<a z='1' b=\"2\"><c/>x<d>y</d></a>");
    expect(root.name).to.equal("a");
    expect([...root.attributes]).to.deep.equal([
      ["z", "1"],
      ["b", "2"],
    ]);
    expect(
      root.children.map((child) => (typeof child === "string" ? child : child.name)),
    ).to.deep.equal(["c", "x", "d"]);
  });

  it("neither trims nor interprets text and values", () => {
    const root = readXml("<a n=' 007 '> 1e3 <b>true</b><c> \t</c></a>");
    expect(attributesOf(root)).to.deep.equal({ n: " 007 " });
    expect(root.children[0]).to.equal(" 1e3 ");
    expect(elementsOf(root).map(textOf)).to.deep.equal(["true", " \t"]);
  });

  it("decodes the five entities and numeric references, once", () => {
    expect(textOf(readXml("<a>&lt;&gt;&amp;&quot;&apos;&#65;&#x1F600;&amp;lt;</a>"))).to.equal(
      "<>&\"'A\u{1F600}&lt;",
    );
    expect(attributesOf(readXml("<a b='&#10;&#x9;&amp;#65;'/>"))).to.deep.equal({
      b: "\n\t&#65;",
    });
  });

  it("leaves character data as it is and joins it with the text around", () => {
    expect(readXml("<a>x<![CDATA[<&amp;]]>y</a>").children).to.deep.equal(["x<&amp;y"]);
  });

  it("drops comments and instructions, also those with quotes in them", () => {
    const root = readXml(
      "<?pi it's?><!-- ' --><a><?pi \"?>x<!-- <b/> -->y<![CDATA[<?z?>]]><?q '?></a><?e '?>",
    );
    expect(root.children).to.deep.equal(["xy<?z?>"]);
  });

  it("normalises line ends, and blanks in attribute values", () => {
    const root = readXml("<a b='1\r\n2\t3\n4'>x\r\ny\rz</a>");
    expect(attributesOf(root)).to.deep.equal({ b: "1 2 3 4" });
    expect(textOf(root)).to.equal("x\ny\nz");
  });

  it("drops blanks between elements, but not beside text, nor what is nothing but blanks", () => {
    expect(readXml("<a>\n  <b/>\n  <c/>\n</a>").children).to.have.length(2);
    expect(textOf(readXml("<a>x <b/> </a>"))).to.equal("x  ");
    expect(textOf(readXml("<a> </a>"))).to.equal(" ");
    expect(textOf(readXml("<a><b/>&#32;</a>"))).to.equal(" ");
  });

  it("takes a byte order mark, UTF-16 and ISO-8859-1", () => {
    const bytes = (text: string, encoding: "latin1" | "utf16le" | "utf8") =>
      new Uint8Array(Buffer.from(text, encoding));
    expect(readXml("\uFEFF<a/>").name).to.equal("a");
    expect(readXml(bytes("\uFEFF<a/>", "utf8")).name).to.equal("a");
    expect(textOf(readXml(bytes("\uFEFF<a>é</a>", "utf16le")))).to.equal("é");
    const latin1 = "<?xml version='1.0' encoding='ISO-8859-1'?><a>é</a>";
    expect(textOf(readXml(bytes(latin1, "latin1")))).to.equal("é");
  });

  it("is not confused by the names of JavaScript's own properties", () => {
    const names = ["__proto__", "constructor", "prototype", "hasOwnProperty", "toString"];
    for (const name of names) {
      const root = readXml(`<${name} ${name}='1'><${name}/><b>${name}</b></${name}>`);
      expect(root.name).to.equal(name);
      expect([...root.attributes]).to.deep.equal([[name, "1"]]);
      expect(elementsOf(root).map((child) => child.name)).to.deep.equal([name, "b"]);
      expect(childNamed(root, "b")?.children).to.deep.equal([name]);
    }
    expect(Object.getPrototypeOf({})).to.equal(Object.prototype);
  });

  it("shows a syntax error as libvirt does, and tells where it is", () => {
    const error = failureOf(() =>
      readXml("<a>\n  <b></c>\n</a>", { documentName: "(domain_snapshot)" }),
    );
    expect(error.code).to.equal("xml-detail");
    expect(error.message).to.equal(
      "(domain_snapshot):2: Opening and ending tag mismatch: b line 2 and c\n" +
        "  <b></c>\n---------^",
    );
    expect(locateSyntaxError(error)).to.deep.equal({ line: 2, column: 10 });
    expect(error.hint).to.contain("line 2, column 10");
    expect(locateSyntaxError(new Error("other"))).to.equal(undefined);
  });

  it("refuses a document type declaration", () => {
    const error = failureOf(() => readXml("<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>"));
    expect(error.message).to.contain("document type declarations are not allowed");
  });
});
