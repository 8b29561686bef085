import { expect } from "chai";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { DomainSnapshot } from "../../src/core/model/index.js";
import {
  formatSnapshot,
  parseDomain,
  parseSnapshot,
  parseSnapshotHead,
} from "../../src/xml/index.js";
import { askVirsh } from "./virsh.js";

const FOLDER = join(import.meta.dirname, "../../fixtures/libvirt-xml");
const PAIRS = readdirSync(join(FOLDER, "golden")).flatMap((file) =>
  file.endsWith(".in.xml") ? [file.slice(0, -".in.xml".length)] : [],
);
const read = (...path: string[]) => readFileSync(join(FOLDER, ...path), "utf8");

function redefinition(text: string): DomainSnapshot {
  const parsed = parseSnapshot(text, { redefine: true });
  expect(parsed.name).to.be.a("string");
  return { ...parsed, name: parsed.name ?? "" };
}

describe("documents of fixtures/libvirt-xml", () => {
  it("are there", () => {
    expect(PAIRS).to.have.length.greaterThan(15);
  });

  for (const pair of PAIRS)
    it(`${pair}: comes out byte for byte, and again the same`, () => {
      const expected = read("golden", `${pair}.out.xml`);
      const out = formatSnapshot(redefinition(read("golden", `${pair}.in.xml`)), { secure: true });
      expect(out).to.equal(expected);
      expect(formatSnapshot(redefinition(out), { secure: true })).to.equal(expected);
    });

  it("come out of libvirt the same", () => {
    const inputs = PAIRS.map((pair) => read("golden", `${pair}.in.xml`));
    const names = inputs.map((text) => redefinition(text).name);
    const commands = names.flatMap((name, index) => [
      `snapshot-create test @${index} --redefine`,
      `snapshot-dumpxml test ${name} --security-info`,
      `snapshot-delete test ${name}`,
    ]);
    const answers = askVirsh(commands, inputs);
    expect(answers.flatMap(({ error }) => error ?? [])).to.deep.equal([]);
    PAIRS.forEach((pair, index) => {
      expect(answers[index * 3 + 1]?.output, pair).to.equal(read("golden", `${pair}.out.xml`));
    });
  });

  it("for requests are taken as new snapshots, and pass libvirt's schema unless they say why", () => {
    const requests = readdirSync(FOLDER).filter((file) => /^(?!redefine).*\.xml$/.test(file));
    expect(requests).to.include.members(["minimal.xml", "external-copy-raw.xml"]);
    // The schema knows overlay formats only, and a raw copy is no overlay.
    const unknownToSchema = ["external-copy-raw.xml"];
    for (const file of requests) {
      const validate = !unknownToSchema.includes(file);
      expect(() => parseSnapshot(read(file), { validate }), file).not.to.throw();
    }
  });

  it("for redefinitions are taken by libvirt and come out unchanged", () => {
    const files = readdirSync(FOLDER).filter((file) => file.startsWith("redefine-"));
    expect(files).not.to.be.empty;
    const texts = files.map((file) => read(file));
    for (const text of texts) expect(formatSnapshot(redefinition(text))).to.equal(text);
    const commands = files.map((_, index) => `snapshot-create test @${index} --redefine`);
    expect(askVirsh(commands, texts).map(({ error }) => error)).to.deep.equal(
      files.map(() => undefined),
    );
  });

  it("that libvirt's QEMU driver kept come out unchanged, passwords, metadata and cookie too", () => {
    for (const file of readdirSync(join(FOLDER, "qemu"))) {
      const kept = read("qemu", file);
      const plain = kept.replace(/^<!--[^]*-->\n\n/, "").replace(/^ {2}<active>.*\n/m, "");
      expect(plain.length, file).to.be.lessThan(kept.length);
      const snapshot = redefinition(kept);
      expect(formatSnapshot(snapshot, { secure: true }), file).to.equal(plain);
      const { domain, inactiveDomain, cookie: _cookie, ...head } = snapshot;
      expect([domain?.name, inactiveDomain?.name]).to.deep.equal(["g", "g"]);
      expect(parseSnapshotHead(kept)).to.deep.equal(head);
    }
  });

  it("of domains are in libvirt's layout and tell their disks", () => {
    for (const file of readdirSync(join(FOLDER, "domains"))) {
      const text = read("domains", file);
      const definition = parseDomain(text);
      expect(`${definition.xml}\n`, file).to.equal(text);
      expect(definition.disks.length, file).to.be.greaterThan(1);
    }
  });
});
