import { expect } from "chai";
import fc from "fast-check";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readXml } from "../../src/xml/index.js";
import { WELL_FORMED_CASES } from "./well-formed-cases.js";

const nested = (depth: number, inner = "") => "<a>".repeat(depth) + inner + "</a>".repeat(depth);

const REDEFINITION = readFileSync(
  join(import.meta.dirname, "../../fixtures/libvirt-xml/golden/layout.in.xml"),
  "utf8",
);

const CASES: readonly Buffer[] = [
  ...WELL_FORMED_CASES.map((text) => Buffer.from(text, "latin1")),
  ...[nested(256), nested(257), nested(258), nested(257, "<a/>")].map((text) => Buffer.from(text)),
];

function messageOf(bytes: Buffer): string | undefined {
  try {
    readXml(new Uint8Array(bytes), { documentName: "(domain_snapshot)" });
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

describe("well-formedness", () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "domsnap-xml-"));
  });
  after(() => {
    rmSync(folder, { recursive: true });
  });

  function refusedByXmllint(documents: readonly Buffer[]): ReadonlySet<number> {
    documents.forEach((bytes, index) => {
      writeFileSync(join(folder, `${index}.xml`), bytes);
    });
    const files = documents.map((_, index) => `${index}.xml`);
    const { stderr, error } = spawnSync("xmllint", ["--noout", "--nonet", ...files], {
      cwd: folder,
      maxBuffer: 64 * 2 ** 20,
      encoding: "utf8",
    });
    if (error) throw error;
    const complaints = /^(\d+)\.xml:\d+: (?!namespace error|\S+ warning)/gm;
    return new Set([...stderr.matchAll(complaints)].map(([, index]) => Number(index)));
  }

  it(`is judged as by xmllint in ${CASES.length} cases`, () => {
    const refused = refusedByXmllint(CASES);
    const different = CASES.flatMap((bytes, index) =>
      (messageOf(bytes) !== undefined) === refused.has(index)
        ? []
        : [`${refused.has(index) ? "refused" : "taken"} by xmllint: ${bytes.toString("latin1")}`],
    );
    expect(refused.size).to.be.greaterThan(90);
    expect(different).to.deep.equal([]);
  });

  it("is judged as by xmllint in 500 documents with random damage", () => {
    const pieces = ["<", ">", "/>", "</", "&", ";", "&#", "'", '"', "=", "<!--", "--", "]]>", "<?"];
    const damage = fc.record({
      at: fc.nat(REDEFINITION.length),
      cut: fc.nat(4),
      text: fc.oneof(
        fc.constantFrom(...pieces, "<![CDATA[", "?>", "<a>", " ", "x:", ""),
        fc.string(),
      ),
    });
    const damaged = fc
      .sample(fc.array(damage, { minLength: 1, maxLength: 2 }), { numRuns: 500, seed: 1 })
      .map((list) =>
        list.reduce((text, { at, cut, text: piece }) => {
          return text.slice(0, at) + piece + text.slice(at + cut);
        }, REDEFINITION),
      );
    const refused = refusedByXmllint(damaged.map((text) => Buffer.from(text)));
    expect(refused.size).to.be.within(100, 490);
    const ours = damaged.map((text) => messageOf(Buffer.from(text)) !== undefined);
    expect(damaged.filter((_, index) => ours[index] !== refused.has(index))).to.deep.equal([]);
  });

  it("has the words of virsh for the usual mistakes", () => {
    const usual = [
      "<domainsnapshot><name>a</nam></domainsnapshot>",
      "<domainsnapshot>\n  <name>a\n</domainsnapshot>",
      "<domainsnapshot",
      "<domainsnapshot><name>a",
      "<domainsnapshot a='1' a='2'/>",
      "<domainsnapshot a=1/>",
      "<domainsnapshot a/>",
      "<domainsnapshot a='<'/>",
      "<domainsnapshot a='1'b='2'/>",
      "<domainsnapshot>a & b</domainsnapshot>",
      "<domainsnapshot>&nbsp;</domainsnapshot>",
      "<domainsnapshot>&lt</domainsnapshot>",
      "<domainsnapshot>&#1;</domainsnapshot>",
      "<domainsnapshot>&#6a;</domainsnapshot>",
      "<domainsnapshot>]]></domainsnapshot>",
      "<domainsnapshot><!-- a -- b --></domainsnapshot>",
      "<domainsnapshot><!-- a </domainsnapshot>",
      "<domainsnapshot><![CDATA[ a </domainsnapshot>",
      "<domainsnapshot><1/></domainsnapshot>",
      "<domainsnapshot/>x",
      "<domainsnapshot/><domainsnapshot/>",
      " <?xml version='1.0'?><domainsnapshot/>",
      "<?xml version='1.0' encoding='foo'?><domainsnapshot/>",
      "hello",
    ];
    // One batch: a failing command does not end virsh.
    usual.forEach((text, index) => {
      writeFileSync(join(folder, `usual-${index}.xml`), text);
    });
    const commands = usual.map((_, index) => `snapshot-create test ${folder}/usual-${index}.xml`);
    const { stderr } = spawnSync("virsh", ["-c", "test:///default"], {
      input: commands.join("\n"),
      encoding: "utf8",
    });
    const theirs = stderr
      .split(/^error: /m)
      .slice(1)
      .map((text) => text.trimEnd());
    expect(theirs).to.have.length(usual.length);
    expect(usual.map((text) => messageOf(Buffer.from(text)))).to.deep.equal(theirs);
  });

  it("finds virsh and xmllint on this machine", () => {
    expect(execFileSync("virsh", ["--version"], { encoding: "utf8" })).to.match(/^\d+\.\d+/);
    expect(spawnSync("xmllint", ["--version"]).status).to.equal(0);
  });
});
