import { expect } from "chai";

import { RANK, type ImageFormat, type ImageRef } from "../../../src/core/model/index.js";
import { ImageInspectors } from "../../../src/core/plan/image-inspectors.js";
import type { ImageInfo, ImageInspector } from "../../../src/core/ports/index.js";
import { expectError } from "../../../src/testing/expect-error.js";

interface Known {
  readonly ranks: Partial<Record<ImageFormat, number>>;
  /** What images stand on, by path. */
  readonly below?: Readonly<Record<string, ImageInfo["backing"]>>;
  readonly above?: readonly string[];
}

function inspector(id: string, { ranks, below = {}, above = [] }: Known): ImageInspector {
  return {
    id,
    summary: `what ${id} reads`,
    rank: (format) => ranks[format],
    inspect: ({ path, format }) => {
      const backing = below[path];
      const sizes = { virtualSizeBytes: 1, allocatedBytes: 1 };
      return Promise.resolve({
        path,
        format,
        ...sizes,
        snapshots: [],
        ...(backing && { backing }),
      });
    },
    findDependents: () => Promise.resolve(above),
  };
}

const image = (path: string, format: ImageFormat): ImageRef => ({ path, type: "file", format });

describe("the inspectors of images", () => {
  it("are asked by the format: the best one, and of equal ones the id that sorts first", () => {
    const inspectors = [
      inspector("zeta", { ranks: { raw: RANK.native, vmdk: RANK.generic } }),
      inspector("mine", { ranks: { vmdk: RANK.native, qed: RANK.refuses } }),
      inspector("alpha", { ranks: { raw: RANK.native } }),
    ];
    for (const order of [inspectors, [...inspectors].reverse()]) {
      const known = new ImageInspectors(order);
      expect(known.of("raw")?.id).to.equal("alpha");
      expect(known.of("vmdk")?.id).to.equal("mine");
      expect(known.of("qed")).to.equal(undefined);
    }
  });

  it("are missed with the format that nobody reads", async () => {
    const none = new ImageInspectors([]);
    const error = await expectError(none.inspect(image("/a.vmdk", "vmdk")), "tool-missing");
    expect(error.detail).to.include("/a.vmdk").and.include("vmdk");
  });

  it("are all asked what stands on an image, whatever reads it", async () => {
    const known = new ImageInspectors([
      inspector("b", { ranks: { qcow2: RANK.native }, above: ["/b", "/both"] }),
      inspector("a", { ranks: { raw: RANK.native }, above: ["/both", "/a"] }),
    ]);
    expect(await known.findDependents(image("/x", "raw"))).to.deep.equal(["/a", "/b", "/both"]);
  });

  it("walk down a chain of several formats, each image by who reads it", async () => {
    const known = new ImageInspectors([
      inspector("top", {
        ranks: { qcow2: RANK.native },
        below: { "/top": { path: "/mid", format: "vmdk" } },
      }),
      inspector("mid", { ranks: { vmdk: RANK.native }, below: { "/mid": { path: "/base" } } }),
      inspector("base", { ranks: { raw: RANK.native } }),
    ]);
    const below: string[] = [];
    const top = await known.inspect(image("/top", "qcow2"));
    expect(await known.walkBelow(top, (path) => below.push(path))).to.equal(false);
    expect(below).to.deep.equal(["/mid", "/base"]);
  });

  it("end where a chain bites its tail, or cannot be read further", async () => {
    const circle = {
      "/a": { path: "/b", format: "qcow2" },
      "/b": { path: "/a", format: "qcow2" },
      "/c": { path: "/d", format: "vmdk" },
    } as const;
    const known = new ImageInspectors([
      inspector("one", { ranks: { qcow2: RANK.native }, below: circle }),
    ]);
    const below: string[] = [];
    const walk = async (path: string) =>
      known.walkBelow(await known.inspect(image(path, "qcow2")), (found) => below.push(found));
    expect(await walk("/a")).to.equal(true);
    await expectError(walk("/c"), "tool-missing");
    expect(below).to.deep.equal(["/b", "/d"]);
  });
});
