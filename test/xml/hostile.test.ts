import { expect } from "chai";
import { patience } from "../../scripts/test-run/patience.cjs";
import { parseSnapshot, readXml } from "../../src/xml/index.js";

/** Runs something that must throw; returns its message and how much processor time and memory it took. */
function cost(work: () => unknown): { message: string; ms: number; growthMib: number } {
  const start = process.cpuUsage();
  const before = process.memoryUsage().rss;
  let message = "";
  try {
    work();
  } catch (error) {
    message = (error as Error).message;
  }
  const growthMib = (process.memoryUsage().rss - before) / 2 ** 20;
  const { user, system } = process.cpuUsage(start);
  return { message, ms: (user + system) / 1000, growthMib };
}

describe("hostile documents", () => {
  it("of 100 MB are refused without being looked at", () => {
    const bytes = new Uint8Array(100_000_000).fill(0x20);
    const asBytes = cost(() => readXml(bytes));
    expect(asBytes.message).to.contain("larger than 10485760 bytes");
    expect(asBytes.ms).to.be.lessThan(patience(20));
    const asText = cost(() => readXml(" ".repeat(100_000_000)));
    expect(asText.message).to.contain("larger than 10485760 bytes");
  });

  it("nested 100,000 deep are refused at the limit", () => {
    const { message, ms, growthMib } = cost(() => readXml("<a>".repeat(100_000)));
    expect(message).to.contain("Excessive depth in document: 256");
    expect(ms).to.be.lessThan(patience(50));
    expect(growthMib).to.be.lessThan(50);
  });

  it("of too many elements or attributes are refused before a tree is built", () => {
    const elements = cost(() => readXml(`<a>${"<b/>".repeat(2_000_000)}</a>`));
    expect(elements.message).to.contain("more than 200000 elements and attributes");
    expect(elements.ms).to.be.lessThan(patience(1000));
    const attributes = Array.from({ length: 300_000 }, (_, index) => ` a${index}=''`).join("");
    expect(cost(() => readXml(`<a${attributes}/>`)).message).to.contain("more than 200000");
  });

  it("do not include a snapshot with two large definitions", () => {
    const disks = "<x a='b'/>".repeat(80_000);
    const domain = `<name>a</name><uuid>${"a".repeat(32)}</uuid><memory>1</memory><os><type>hvm</type></os>`;
    const full = (name: string) => `<${name} type='xen'>${domain}${disks}</${name}>`;
    const head = "<name>n</name><state>shutoff</state><creationTime>1</creationTime>";
    const text = `<domainsnapshot>${head}${full("domain")}${full("inactiveDomain")}</domainsnapshot>`;
    const parsed = parseSnapshot(text, { redefine: true });
    expect(parsed.inactiveDomain?.xml).to.equal(parsed.domain?.xml);
    expect(() => parseSnapshot(text)).to.throw("more than 200000");
  });

  it("with limits of the caller are refused there", () => {
    expect(() => readXml("<a><b/></a>", { limits: { maxSize: 10 } })).to.throw("larger than 10");
    expect(() => readXml("<a><b><c></c></b></a>", { limits: { maxDepth: 1 } })).to.throw(
      "Excessive depth",
    );
    expect(() => readXml("<a b=''><c/></a>", { limits: { maxNodes: 2 } })).to.throw("more than 2");
  });

  it("cannot declare entities, so nothing laughs", () => {
    const lol = `<!DOCTYPE l [<!ENTITY a "lol">${"<!ENTITY b '&a;&a;'>".repeat(9)}]><l>&b;</l>`;
    expect(() => readXml(lol)).to.throw("document type declarations are not allowed");
    const external = "<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>";
    expect(() => readXml(external)).to.throw("document type declarations are not allowed");
  });

  it("take time in proportion to their size", () => {
    const mebibyte = 2 ** 20;
    const documents = [
      `<a>${"]".repeat(mebibyte)}</a>`,
      `<a>${"&amp;".repeat(mebibyte / 5)}</a>`,
      `<a b='${"&#x0041;".repeat(mebibyte / 8)}'/>`,
      `<a>${" \n".repeat(mebibyte / 2)}</a>`,
      `<a>${"<!-- - -->".repeat(mebibyte / 10)}</a>`,
      `<a>${"<![CDATA[]]]]>".repeat(mebibyte / 14)}</a>`,
      `<a>${"<?p ??>".repeat(mebibyte / 7)}</a>`,
      `<a${" ".repeat(mebibyte)}/>`,
      `<a>${"<".repeat(mebibyte)}</a>`,
      `<a>${"&#".repeat(mebibyte)}</a>`,
      `<a>&#${"0".repeat(mebibyte)}65;</a>`,
      `<${"a".repeat(mebibyte)}/>`,
      `<a>${"<b ".repeat(mebibyte / 3)}</a>`,
      `<a>${"<!--".repeat(mebibyte / 4)}</a>`,
    ];
    for (const document of documents) {
      const { ms } = cost(() => readXml(document));
      expect(ms, document.slice(0, 20)).to.be.lessThan(patience(1000));
    }
  });

  it("do not blow up a message", () => {
    const { message } = cost(() => parseSnapshot(`<a>${"x".repeat(5_000_000)}</b>`));
    expect(message.length).to.be.lessThan(2_000);
    expect(message).to.contain("Opening and ending tag mismatch");
  });
});
