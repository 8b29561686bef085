import { expect } from "chai";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readXml } from "../../src/xml/index.js";
import { WELL_FORMED_CASES } from "./well-formed-cases.js";

const nested = (depth: number, inner = "") => "<a>".repeat(depth) + inner + "</a>".repeat(depth);

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
    CASES.forEach((bytes, index) => {
      writeFileSync(join(folder, `${index}.xml`), bytes);
    });
  });
  after(() => {
    rmSync(folder, { recursive: true });
  });

  it(`is judged as by xmllint in ${CASES.length} cases`, () => {
    const files = CASES.map((_, index) => `${index}.xml`);
    const { stderr, error } = spawnSync("xmllint", ["--noout", "--nonet", ...files], {
      cwd: folder,
      encoding: "utf8",
    });
    expect(error).to.equal(undefined);
    const refused = new Set(
      [...stderr.matchAll(/^(\d+)\.xml:\d+: (?!namespace error|\S+ warning)/gm)].map(([, index]) =>
        Number(index),
      ),
    );
    const different = CASES.flatMap((bytes, index) =>
      (messageOf(bytes) !== undefined) === refused.has(index)
        ? []
        : [`${refused.has(index) ? "refused" : "taken"} by xmllint: ${bytes.toString("latin1")}`],
    );
    expect(refused.size).to.be.greaterThan(90);
    expect(different).to.deep.equal([]);
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
