import { expect } from "chai";
import type { DomainSnapshot, SnapshotHead } from "../../../src/core/model/index.js";
import { domsnapRules, qemuRules } from "../../../src/core/model/index.js";
import { prepareRedefine, type RedefineRequest } from "../../../src/core/rules/index.js";
import {
  expectFailure,
  sampleDefinition,
  sampleDisk,
  sampleDomain,
} from "./support/rules-samples.js";

function document(over: Partial<DomainSnapshot> = {}): DomainSnapshot {
  return {
    name: "s",
    state: "shutoff",
    creationTime: 5n,
    memory: { mode: "no" },
    disks: [],
    domain: sampleDefinition(),
    ...over,
  };
}

function redefine(over: Partial<RedefineRequest> & { snapshot?: Partial<DomainSnapshot> }) {
  const { snapshot, ...rest } = over;
  return prepareRedefine({
    parsed: document(snapshot),
    flags: { redefine: true },
    domain: sampleDomain(),
    rules: qemuRules,
    heads: new Map(),
    ...rest,
  });
}

function heads(parents: Record<string, string | undefined>): Map<string, SnapshotHead> {
  return new Map(
    Object.entries(parents).map(([name, parent]) => [
      name,
      { name, creationTime: 0n, disks: [], ...(parent === undefined ? {} : { parent }) },
    ]),
  );
}

describe("prepareRedefine", () => {
  it("keeps what the document says and completes its disks", () => {
    const snapshot = redefine({ snapshot: { description: "d", cookie: "<cookie/>" } });
    expect(snapshot).to.deep.equal({
      ...document({ description: "d", cookie: "<cookie/>" }),
      disks: [
        { name: "vda", type: "file", mode: "internal" },
        { name: "vdb", type: "file", mode: "internal" },
      ],
    });
  });

  it("takes external as the default once anything is external", () => {
    for (const snapshot of [
      { state: "disk-snapshot" as const },
      { state: "running" as const, memory: { mode: "external" as const, file: "/m" } },
      { disks: [{ name: "vda", type: "file" as const, mode: "external" as const }] },
    ])
      expect(redefine({ snapshot }).disks.map((disk) => disk.mode)).to.deep.equal([
        "external",
        "external",
      ]);
  });

  it("keeps the recorded definition if the document has none, also for file names", () => {
    const existing = document();
    const { domain: _without, ...bare } = document({
      disks: [{ name: "vda", type: "file", mode: "external" }],
    });
    const snapshot = prepareRedefine({
      parsed: bare,
      flags: { redefine: true },
      domain: sampleDomain(),
      rules: qemuRules,
      heads: heads({ s: undefined }),
      existing,
    });
    expect(_without).to.not.equal(undefined);
    expect(snapshot.domain).to.equal(existing.domain);
    expect(snapshot.disks[0]?.source?.path).to.equal("/img/vda.s");
  });

  describe("parents", () => {
    it("must exist and be another", () => {
      expectFailure(
        () => redefine({ snapshot: { parent: "s" } }),
        "invalid-argument",
        "cannot set moment s as its own parent",
      );
      expectFailure(
        () => redefine({ snapshot: { parent: "p" } }),
        "invalid-argument",
        "parent p for moment s not found",
      );
    });

    it("must not descend from the snapshot", () => {
      const tree = heads({ s: undefined, a: "s", b: "a", c: "b" });
      expectFailure(
        () => redefine({ snapshot: { parent: "c" }, heads: tree }),
        "invalid-argument",
        "parent a would create cycle to s",
      );
    });

    it("are walked at most once each, whatever loops the records hold", () => {
      const names = Array.from({ length: 20_000 }, (_, index) => `n${index}`);
      const loop = heads(
        Object.fromEntries(names.map((name, index) => [name, names[(index + 1) % names.length]])),
      );
      expect(redefine({ snapshot: { parent: "n0" }, heads: loop }).parent).to.equal("n0");
    });
  });

  it("wants the state that the disk-only flag speaks of", () => {
    const flags = { redefine: true, diskOnly: true };
    expectFailure(
      () => redefine({ flags }),
      "invalid-argument",
      "disk-only flag for snapshot s requires disk-snapshot state",
    );
    expect(redefine({ flags, snapshot: { state: "disk-snapshot" } }).state).to.equal(
      "disk-snapshot",
    );
  });

  it("wants the domain's uuid", () => {
    const domain = sampleDefinition([], { uuid: "99999999-2222-3333-4444-555555555555" });
    expectFailure(
      () => redefine({ snapshot: { domain } }),
      "invalid-argument",
      "definition for snapshot s must use uuid 11111111-2222-3333-4444-555555555555",
    );
  });

  it("does not change what kind of state an existing snapshot is", () => {
    expectFailure(
      () => redefine({ existing: document({ state: "running" }) }),
      "invalid-argument",
      "cannot change between online and offline snapshot state in snapshot s",
    );
    expectFailure(
      () => redefine({ existing: document({ state: "disk-snapshot" }) }),
      "invalid-argument",
      "cannot change between disk only and full system in snapshot s",
    );
    expect(redefine({ existing: document({ state: "crashed" }) }).state).to.equal("shutoff");
  });

  it("compares the machine, not the sources", () => {
    const existing = document();
    const withDisks = (...disks: Parameters<typeof sampleDefinition>) =>
      redefine({ existing, snapshot: { domain: sampleDefinition(...disks) } });
    const stable = (text: string, ...args: Parameters<typeof sampleDefinition>) => {
      expectFailure(() => withDisks(...args), "config-unsupported", `Target ${text}`);
    };
    const vdb = sampleDisk("vdb");
    stable("domain virt type xen does not match source qemu", undefined, { type: "xen" });
    stable("domain name 'x' does not match source 'guest'", undefined, { name: "x" });
    stable("domain max memory 1 does not match source 65536", undefined, { memoryKib: 1n });
    stable("domain OS type xen does not match source hvm", undefined, { osType: "xen" });
    stable("domain disk count 1 does not match source 2", [vdb]);
    stable("disk vdx does not match source vda", [sampleDisk("vdx"), vdb]);
    stable("disk bus ide does not match source virtio", [sampleDisk("vda", { bus: "ide" }), vdb]);
    stable("disk device lun does not match source disk", [
      sampleDisk("vda", { device: "lun" }),
      vdb,
    ]);
    stable("disk access mode does not match source", [sampleDisk("vda", { readonly: true }), vdb]);
    const moved = sampleDisk("vda", { source: { path: "/elsewhere" }, format: "raw" });
    expect(withDisks([moved, vdb]).domain?.disks[0]).to.equal(moved);
  });

  it("lets disks of an offline snapshot differ with domsnap's rules", () => {
    const disks = [{ name: "vda", type: "file" as const, mode: "no" as const }];
    expectFailure(
      () => redefine({ snapshot: { disks } }),
      "config-unsupported",
      "disk 'vda' must use snapshot mode 'internal'",
    );
    expect(redefine({ snapshot: { disks }, rules: domsnapRules }).disks[0]?.mode).to.equal("no");
  });
});
