import { expect } from "chai";
import fc from "fast-check";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { patience } from "../../scripts/test-run/patience.cjs";
import type { DomainSnapshot, SnapshotHead } from "../../src/core/model/index.js";
import { formatSnapshot, parseSnapshot, parseSnapshotHead } from "../../src/xml/index.js";
import { SNAPSHOT } from "./arbitrary-snapshot.js";

const COMMENT = "<!--\nA record. Changes get lost.\n-->\n\n";
const REDEFINE = readFileSync(
  join(import.meta.dirname, "../../fixtures/libvirt-xml/redefine-disk-snapshot.xml"),
  "utf8",
);

function headOf(snapshot: DomainSnapshot): SnapshotHead {
  const { domain: _domain, inactiveDomain: _inactive, cookie: _cookie, ...head } = snapshot;
  return head;
}

describe("parseSnapshotHead", () => {
  it("gives what the whole parser gives, without the definitions", () => {
    fc.assert(
      fc.property(SNAPSHOT, fc.boolean(), (snapshot, withComment) => {
        const text = (withComment ? COMMENT : "") + formatSnapshot(snapshot, { secure: true });
        expect(parseSnapshotHead(text)).to.deep.equal(headOf(snapshot));
      }),
    );
  });

  it("reads text that is cut off anywhere behind the head", () => {
    const end = REDEFINE.indexOf("  <domain ") + "  <domain ".length;
    const whole = parseSnapshotHead(REDEFINE);
    for (let length = end; length < REDEFINE.length; length += 7)
      expect(parseSnapshotHead(REDEFINE.slice(0, length))).to.deep.equal(whole);
    expect(() => parseSnapshotHead(REDEFINE.slice(0, end - 15))).to.throw("(domain_snapshot):11");
  });

  it("reads other layouts too", () => {
    const dense = REDEFINE.replace(/>\n\s*</g, "><").replaceAll("'", '"');
    expect(parseSnapshotHead(dense)).to.deep.equal(parseSnapshotHead(REDEFINE));
  });

  it("never differs from the whole parser when the text is damaged", () => {
    const outcome = (work: () => SnapshotHead): unknown => {
      try {
        return work();
      } catch (error) {
        return (error as Error).message;
      }
    };
    const headLength = REDEFINE.indexOf("  <domain ");
    const damage = fc.tuple(
      fc.nat(headLength - 1),
      fc.nat(3),
      fc.constantFrom(
        "",
        "<",
        ">",
        "&",
        "'",
        "\n",
        " ",
        "x",
        "\u0001",
        "]]>",
        "&#1;",
        "&foo;",
        "0",
      ),
    );
    fc.assert(
      fc.property(damage, ([at, cut, text]) => {
        const damaged = REDEFINE.slice(0, at) + text + REDEFINE.slice(at + cut);
        const whole = outcome(() => {
          const parsed = parseSnapshot(damaged, { redefine: true });
          return headOf({ ...parsed, name: parsed.name ?? "" });
        });
        expect(outcome(() => parseSnapshotHead(damaged))).to.deep.equal(whole);
      }),
      { numRuns: 500 },
    );
  });

  it("takes few microseconds", () => {
    const count = 20_000;
    for (let i = 0; i < 2_000; i++) parseSnapshotHead(REDEFINE);
    const start = process.cpuUsage();
    for (let i = 0; i < count; i++) parseSnapshotHead(REDEFINE);
    const microseconds = process.cpuUsage(start).user / count;
    expect(microseconds).to.be.lessThan(patience(15));
  });
});
