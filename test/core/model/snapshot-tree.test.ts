import { expect } from "chai";
import fc from "fast-check";

import {
  ancestorsOf,
  buildSnapshotTree,
  childrenOf,
  descendantsOf,
  topologicalOrder,
  type SnapshotHead,
} from "../../../src/core/model/index.js";

function head(name: string, parent?: string): SnapshotHead {
  return { name, creationTime: 0n, disks: [], ...(parent === undefined ? {} : { parent }) };
}

const names = (heads: readonly SnapshotHead[]) => heads.map(({ name }) => name);

/** Any links at all: parents that do not exist, loops, chains and bushes. */
const anyHeads = fc
  .uniqueArray(fc.nat({ max: 40 }), { maxLength: 40 })
  .chain((ids) =>
    fc.tuple(
      ...ids.map((id) =>
        fc
          .option(fc.nat({ max: 45 }), { nil: undefined })
          .map((parent) =>
            head(`s${String(id)}`, parent === undefined ? undefined : `s${String(parent)}`),
          ),
      ),
    ),
  );

describe("the snapshot tree", () => {
  it("links children newest first", () => {
    const tree = buildSnapshotTree([head("a"), head("b", "a"), head("c", "a"), head("d", "b")]);
    expect(names(childrenOf(tree, "a"))).to.deep.equal(["c", "b"]);
    expect(names(topologicalOrder(tree))).to.deep.equal(["a", "c", "b", "d"]);
    expect(names(ancestorsOf(tree, "d"))).to.deep.equal(["b", "a"]);
  });

  it("hangs a snapshot with an unknown parent at the root, and keeps the parent's name", () => {
    const tree = buildSnapshotTree([head("a", "gone")]);
    expect(tree.roots).to.deep.equal([head("a", "gone")]);
    expect([...tree.orphans]).to.deep.equal(["a"]);
    expect(ancestorsOf(tree, "a")).to.deep.equal([]);
  });

  it("never drops a snapshot, whatever the links are", () => {
    fc.assert(
      fc.property(anyHeads, (heads) => {
        const tree = buildSnapshotTree(heads);
        const order = names(topologicalOrder(tree));
        expect([...order].sort()).to.deep.equal(names(heads).sort());
      }),
    );
  });

  it("lists parents before children", () => {
    fc.assert(
      fc.property(anyHeads, (heads) => {
        const tree = buildSnapshotTree(heads);
        const order = names(topologicalOrder(tree));
        for (const { name, parent } of heads)
          if (parent !== undefined && !tree.orphans.has(name))
            expect(order.indexOf(parent)).to.be.lessThan(order.indexOf(name));
      }),
    );
  });

  it("makes a snapshot a descendant of exactly its ancestors", () => {
    fc.assert(
      fc.property(anyHeads, (heads) => {
        const tree = buildSnapshotTree(heads);
        for (const { name } of heads)
          for (const { name: other } of heads)
            expect(names(descendantsOf(tree, other)).includes(name)).to.equal(
              names(ancestorsOf(tree, name)).includes(other),
            );
      }),
      { numRuns: 30 },
    );
  });

  it("walks a chain of 50,000 without recursion", () => {
    const chain = Array.from({ length: 50_000 }, (_, i) =>
      head(String(i), i === 0 ? undefined : String(i - 1)),
    );
    expect(topologicalOrder(buildSnapshotTree(chain))).to.have.length(50_000);
  });
});
