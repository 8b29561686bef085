import { expect } from "chai";
import fc from "fast-check";
import {
  buildSnapshotTree,
  type DeleteFlags,
  type ListFlags,
  type SnapshotHead,
  type SnapshotState,
  domsnapRules,
  qemuRules,
} from "../../../src/core/model/index.js";
import { deleteEffect, filterSnapshots } from "../../../src/core/rules/index.js";
import { expectFailure } from "./support/rules-samples.js";

function head(name: string, parent?: string, over: Partial<SnapshotHead> = {}): SnapshotHead {
  return {
    name,
    creationTime: 1n,
    disks: [],
    ...(parent === undefined ? {} : { parent }),
    ...over,
  };
}
const overlay = { disks: [{ name: "vda", type: "file", mode: "external" }] } as const;

//  a ── b ── c
//   └─ d       e (orphan of "gone")
const tree = buildSnapshotTree([
  head("a"),
  head("b", "a"),
  head("c", "b"),
  head("d", "a"),
  head("e", "gone"),
]);

function effect(name: string, flags: DeleteFlags = {}, current?: string) {
  return deleteEffect({ name, flags, tree, current, rules: domsnapRules });
}

describe("deleteEffect", () => {
  it("gives the children of one to its parent", () => {
    expect(effect("b", {}, "b")).to.deep.equal({
      removed: ["b"],
      reparented: [{ name: "c", parent: "a" }],
      current: "a",
    });
    expect(effect("a", {}, "a")).to.deep.equal({
      removed: ["a"],
      reparented: [{ name: "b" }, { name: "d" }],
    });
  });

  it("takes descendants along, leaves first", () => {
    expect(effect("a", { children: true }, "e")).to.deep.equal({
      removed: ["c", "b", "d", "a"],
      reparented: [],
      current: "e",
    });
    expect(effect("b", { children: true }, "c").current).to.equal("a");
  });

  it("keeps the one for childrenOnly, and makes it current if a descendant was", () => {
    expect(effect("a", { childrenOnly: true }, "c")).to.deep.equal({
      removed: ["c", "b", "d"],
      reparented: [],
      current: "a",
    });
  });

  it("does not hand anything to a parent that is not there", () => {
    expect(effect("e", {}, "e")).to.deep.equal({ removed: ["e"], reparented: [] });
  });

  it("does not know unknown names", () => {
    expectFailure(
      () => effect("zz"),
      "no-domain-snapshot",
      "no domain snapshot with matching name 'zz'",
    );
  });

  it("refuses external descendants with the QEMU driver's rules, unless images stay", () => {
    const external = buildSnapshotTree([
      head("a", undefined, overlay),
      head("b", "a", overlay),
      head("c", "b"),
    ]);
    const attempt = (name: string, flags: DeleteFlags) => () =>
      deleteEffect({ name, flags, tree: external, rules: qemuRules });
    expectFailure(
      attempt("a", { children: true }),
      "config-unsupported",
      "deletion of external and internal children disk snapshots not supported",
    );
    expectFailure(
      attempt("b", { children: true }),
      "config-unsupported",
      "deletion of external disk snapshots with children not supported",
    );
    expect(attempt("a", { children: true, metadataOnly: true })().removed).to.have.length(3);
  });

  it("refuses a disk that an interrupted merge left", () => {
    const disks = [
      { name: "vda", type: "file", mode: "external", deleteInProgress: true },
    ] as const;
    const marked = buildSnapshotTree([head("a", undefined, { disks })]);
    expectFailure(
      () => deleteEffect({ name: "a", flags: {}, tree: marked, rules: domsnapRules }),
      "operation-invalid",
      "snapshot disk 'vda' was target of not completed snapshot delete",
    );
  });

  it("leaves a tree without new orphans, in every order of removal", () => {
    const parents = fc.array(fc.nat(), { minLength: 1, maxLength: 12 });
    const flags = fc.constantFrom<DeleteFlags>({}, { children: true }, { childrenOnly: true });
    fc.assert(
      fc.property(parents, flags, fc.nat(), fc.nat(), (links, how, pick, pickCurrent) => {
        const heads = links.map((link, index) =>
          head(`n${index}`, index === 0 ? undefined : `n${link % index}`),
        );
        const name = `n${pick % heads.length}`;
        const current = `n${pickCurrent % heads.length}`;
        const before = buildSnapshotTree(heads);
        const result = deleteEffect({
          name,
          flags: how,
          tree: before,
          current,
          rules: domsnapRules,
        });
        const parentOf = new Map(result.reparented.map((entry) => [entry.name, entry.parent]));
        let left = heads.map((entry) =>
          parentOf.has(entry.name) ? head(entry.name, parentOf.get(entry.name)) : entry,
        );
        for (const removed of result.removed) {
          left = left.filter((entry) => entry.name !== removed);
          expect([...buildSnapshotTree(left).orphans]).to.deep.equal([]);
        }
        const names = left.map((entry) => entry.name);
        if (result.current !== undefined) expect(names).to.include(result.current);
        if (names.includes(current)) expect(result.current).to.equal(current);
      }),
    );
  });
});

describe("filterSnapshots", () => {
  const state = (name: SnapshotState) => ({ state: name });
  const listed = buildSnapshotTree([
    head("a", undefined, state("shutoff")),
    head("b", "a", { ...overlay, ...state("disk-snapshot") }),
    head("c", "b", { ...state("running"), memory: { mode: "external", file: "/m" } }),
    head("d", "a", state("paused")),
  ]);
  const names = (flags: ListFlags, from?: string, descendants?: boolean) =>
    filterSnapshots(listed, { flags, from, descendants }).map((entry) => entry.name);

  it("lists parents before children, newest sibling first", () => {
    expect(names({})).to.deep.equal(["a", "d", "b", "c"]);
    expect(names({ topological: true })).to.deep.equal(["a", "d", "b", "c"]);
    expect(names({}, "a")).to.deep.equal(["d", "b"]);
    expect(names({}, "a", true)).to.deep.equal(["d", "b", "c"]);
  });

  const cases: [ListFlags, string][] = [
    [{ roots: true }, "a"],
    [{ leaves: true }, "dc"],
    [{ noLeaves: true }, "ab"],
    [{ leaves: true, noLeaves: true }, "adbc"],
    [{ metadata: true }, "adbc"],
    [{ noMetadata: true }, ""],
    [{ metadata: true, noMetadata: true }, "adbc"],
    [{ inactive: true }, "a"],
    [{ active: true }, "dc"],
    [{ diskOnly: true }, "b"],
    [{ inactive: true, diskOnly: true }, "ab"],
    [{ inactive: true, diskOnly: true, active: true }, "adbc"],
    [{ internal: true }, "ad"],
    [{ external: true }, "bc"],
    [{ internal: true, external: true }, "adbc"],
    [{ external: true, leaves: true, active: true }, "c"],
  ];
  for (const [flags, expected] of cases)
    it(JSON.stringify(flags), () => {
      expect(names(flags).join("")).to.equal(expected);
    });

  it("does not list below what is not there", () => {
    expectFailure(
      () => names({}, "zz"),
      "no-domain-snapshot",
      "no domain snapshot with matching name 'zz'",
    );
  });
});
