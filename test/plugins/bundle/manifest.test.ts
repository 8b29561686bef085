import { createHash } from "node:crypto";

import { expect } from "chai";

import { DomsnapError } from "../../../src/core/errors/index.js";
import {
  formatManifest,
  parseManifest,
  type Manifest,
} from "../../../src/plugins/bundle/manifest.js";
import { everyDamage } from "../../support/damage.js";
import { resealed } from "./support/reseal.js";

const PATH = "/bundle/manifest.json";
const hash = (text: string) => createHash("sha256").update(text).digest("hex");
const MANIFEST: Manifest = {
  domain: { name: "vm1", uuid: "11111111-1111-4111-8111-111111111111" },
  current: "s1",
  definition: { file: "domain.xml", sha256: hash("domain") },
  snapshots: [{ file: "snapshots/0001.xml", sha256: hash("s1"), name: "s1" }],
  images: [
    {
      path: "/images/a b",
      file: "images/001-a b",
      sha256: hash("a"),
      bytes: 4096,
      format: "qcow2",
    },
  ],
  memory: [{ path: "/images/ü.save", file: "images/002-ü.save", sha256: hash("m"), bytes: 0 }],
};

function refusalOf(text: string): DomsnapError {
  try {
    parseManifest(text, PATH);
  } catch (thrown) {
    if (thrown instanceof DomsnapError) return thrown;
    throw thrown;
  }
  throw new Error(`it is read: ${text}`);
}

const firstOf = (list: unknown) => (list as Json[])[0] ?? {};

describe("the manifest of a bundle", () => {
  it("is JSON with its version, its writer, and the SHA-256 of all that is before it", () => {
    const text = formatManifest(MANIFEST);
    const json = JSON.parse(text) as Record<string, unknown>;
    expect(json).to.include({ domsnapBundle: 2 });
    expect(json["writer"]).to.match(/^domsnap \d+\.\d+\.\d+/);
    expect(json["sha256"]).to.equal(hash(text.slice(0, text.lastIndexOf('  "sha256"'))));
    expect(parseManifest(text, PATH)).to.deep.equal(MANIFEST);
  });

  it("with any bit flipped, or cut off anywhere, says what it said or is refused", () => {
    const whole = Buffer.from(formatManifest(MANIFEST));
    const codes = new Set<string>();
    let asBefore = 0;
    for (const { what, bytes } of everyDamage(whole))
      try {
        expect(parseManifest(bytes.toString("utf8"), PATH), what).to.deep.equal(MANIFEST);
        asBefore++;
      } catch (thrown) {
        if (!(thrown instanceof DomsnapError)) throw thrown;
        expect(thrown.message, what).to.contain(PATH);
        expect(thrown.hint, what).to.match(/\w/);
        codes.add(thrown.code);
      }
    expect([...codes].sort()).to.deep.equal(["image-conflict", "invalid-argument"]);
    // Its last line end, gone or another white space.
    expect(asBefore).to.be.lessThan(10);
  });

  it("of another version is refused with the name of its writer", () => {
    const newer = '{ "domsnapBundle": 3, "writer": "domsnap 9.8.7", "everything": "else" }';
    const error = refusalOf(newer);
    expect(error.code).to.equal("invalid-argument");
    expect(error.detail).to.equal(
      `'${PATH}' is no bundle that this domsnap can read: ` +
        "its format is version 3 (written by domsnap 9.8.7), and this domsnap knows 2",
    );
    expect(error.hint).to.match(/^Import it with the version of domsnap that wrote it/);
    expect(refusalOf('{ "domsnapBundle": 1, "images": [] }').detail).to.contain("is version 1, ");
  });

  it("with a key that this version does not know is refused with the name of its writer", () => {
    for (const [where, change] of [
      ["compressed", (json: Json) => (json["compressed"] = true)],
      ["images.0.compressed", (json: Json) => (firstOf(json["images"])["compressed"] = true)],
      ["domain.title", (json: Json) => ((json["domain"] as Json)["title"] = "")],
    ] as const) {
      const error = refusalOf(resealed(formatManifest(MANIFEST, "domsnap 9.8.7"), change));
      expect(error.code).to.equal("invalid-argument");
      expect(error.detail).to.contain(`${where}: expected no such key (written by domsnap 9.8.7)`);
    }
  });

  const wrong: Readonly<Record<string, (json: Json) => unknown>> = {
    "a file elsewhere": (json) => ((json["definition"] as Json)["file"] = "../../etc/passwd"),
    "an absolute file": (json) => ((json["definition"] as Json)["file"] = "/etc/passwd"),
    "a file in another folder": (json) => ((json["definition"] as Json)["file"] = "x/domain.xml"),
    "half a byte": (json) => (firstOf(json["memory"])["bytes"] = 0.5),
    "a negative size": (json) => (firstOf(json["memory"])["bytes"] = -1),
    "no images": (json) => delete json["images"],
    "no writer": (json) => delete json["writer"],
    "an unknown image format": (json) => (firstOf(json["images"])["format"] = "exe"),
  };
  for (const [kind, change] of Object.entries(wrong))
    it(`whose checksum is right is refused for ${kind}`, () => {
      const error = refusalOf(resealed(formatManifest(MANIFEST), change));
      expect(error.code).to.equal("invalid-argument");
      expect(error.detail).to.match(/: expected .*, found /);
    });

  for (const text of ["", "null", "[]", "7", '"x"', "{", '{"writer":1}', '{"domsnapBundle":{}}'])
    it(`is not ${text === "" ? "nothing" : text}`, () => {
      expect(refusalOf(text).code).to.equal("invalid-argument");
    });
});

type Json = Record<string, unknown>;
