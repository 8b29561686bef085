import { expect } from "chai";

import { DomsnapError } from "../../../src/core/errors/index.js";
import type { ImageRef } from "../../../src/core/model/index.js";
import {
  findDependents,
  lookAtPlaces,
  lookInto,
  type AskedImage,
} from "../../../src/core/operations/shared/image-facts.js";
import { StateStorages } from "../../../src/core/operations/shared/state-storages.js";
import { infoOf, standsAt } from "../../../src/core/plan/image-facts.js";
import { ImageNeeds } from "../../../src/core/plan/image-needs.js";
import type { ImageInfo } from "../../../src/core/ports/index.js";
import { expectFailure } from "../rules/support/rules-samples.js";

const image = (path: string): ImageRef => ({ path, type: "file", format: "qcow2" });
const info = (path: string): ImageInfo => ({
  ...{ path, format: "qcow2", virtualSizeBytes: 1, allocatedBytes: 1, snapshots: [] },
});
const gone = new DomsnapError("image-missing", "there is no such file");
const broken = new DomsnapError("system-error", "cannot open file: Input/output error");

/** Tells of images by a table; what is an error is thrown. */
function backend(
  states: Readonly<Record<string, ImageInfo | Error>>,
  above: Readonly<Record<string, readonly string[] | Error>> = {},
): AskedImage["backend"] {
  const answer = async <Value>(value: Value | Error | undefined): Promise<Value> => {
    if (value === undefined) throw new Error("not in the table");
    if (value instanceof Error) throw value;
    return Promise.resolve(value);
  };
  return {
    inspect: ({ path }) => answer(states[path]),
    findDependents: ({ path }) => answer(above[path]),
  };
}

describe("what is gathered of images", () => {
  it("tells those that are gone from those that cannot be read", async () => {
    const tell = backend({ "/a": info("/a"), "/b": gone, "/c": broken });
    const states = await lookInto(
      ["/a", "/b", "/c"].map((path) => ({ image: image(path), backend: tell })),
    );
    expect([...states.values()].map(({ is }) => is)).to.deep.equal([
      "seen",
      "missing",
      "unreadable",
    ]);
    const facts = { states, needs: ImageNeeds.none };
    expect(infoOf(facts, image("/a"))).to.deep.equal(info("/a"));
    expect(() => infoOf(facts, image("/b"))).to.throw(gone.message);
    expect(() => infoOf(facts, image("/c"))).to.throw(broken.message);
  });

  it("keeps why nobody knows what stands on an image", async () => {
    const tell = backend({}, { "/a": [], "/b": broken });
    const asked = ["/a", "/b"].map((path) => ({ image: image(path), backend: tell }));
    const needs = ImageNeeds.none.withStrangers(await findDependents(asked, []), new Map());
    expect(needs.standingOn("/a")).to.deep.equal([]);
    expect(() => needs.standingOn("/b")).to.throw(broken.message);
    expect(needs.isFree("/a", () => false)).to.equal(true);
    expect(needs.isFree("/b", () => true)).to.equal(false);
  });

  it("asks all backends that keep an image, and believes none alone", async () => {
    const of = (above: readonly string[] | Error) => ({
      image: image("/a"),
      backend: backend({}, { "/a": above }),
    });
    const both = await findDependents([of(["/b", "/c"]), of(["/c", "/d"])], []);
    expect(both.get("/a")).to.deep.equal({ known: true, value: ["/b", "/c", "/d"] });
    const one = await findDependents([of(["/b"]), of(broken)], []);
    expect(one.get("/a")).to.deep.equal({ known: false, error: broken });
  });

  it("takes a question that nobody asked for an error, never for 'nothing'", async () => {
    const facts = { states: new Map(), needs: ImageNeeds.none };
    const message = "nobody has looked at '/a'";
    expectFailure(() => infoOf(facts, image("/a")), "internal-error", message);
    const storages = new StateStorages([]);
    const places = await lookAtPlaces({ probe: () => ({ kind: "absent" }), storages }, ["/b"]);
    expect(standsAt(places, "/b")).to.deep.equal({ kind: "absent" });
    expectFailure(() => standsAt(places, "/a"), "internal-error", message);
  });
});
