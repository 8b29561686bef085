import { expect } from "chai";

import { CONSISTENCIES, type DiskSnapshot, type SnapshotHead } from "../core/model/index.js";
import type { SnapshotStore } from "../core/ports/snapshot-store.js";
import { expectError } from "./expect-error.js";
import { OTHER_UUID, SAMPLE_UUID, sampleSnapshot } from "./samples.js";

/** An empty store, made anew for each test. */
export interface StoreUnderTest {
  readonly store: SnapshotStore;
  /** The same records through another object, as another process would see them. */
  readonly reopened: () => SnapshotStore;
  readonly dispose?: () => Promise<void>;
}

/** How the suite gets stores to test, and what is special with them. */
export interface SnapshotStoreContract {
  readonly open: () => Promise<StoreUnderTest>;
  /** Names that the store must refuse, with the code `xml-detail`. */
  readonly refusedNames: readonly string[];
}

const ORDINARY_NAMES = [
  "1400000000",
  "with blank",
  "-dash",
  "täglich ☂ 日本語",
  "a\nb",
  "current",
  "journal",
  "lock",
  "<&'\">",
  "__proto__",
  "x.xml",
  "x.new",
  "%2e%2e",
];

/** What every `SnapshotStore` promises. To be called inside of mocha. */
export function describeSnapshotStore(name: string, contract: SnapshotStoreContract): void {
  describe(`${name} keeps the contract of a snapshot store`, () => {
    let subject: StoreUnderTest;
    beforeEach(async () => {
      subject = await contract.open();
    });
    afterEach(() => subject.dispose?.());

    it("knows nothing of a domain at first", async () => {
      const index = await subject.store.index(SAMPLE_UUID);
      expect(index).to.deep.equal({ heads: [], problems: [] });
      await expectError(
        subject.store.read(SAMPLE_UUID, "s"),
        "no-domain-snapshot",
        "no domain snapshot with matching name 's'",
      );
    });

    for (const consistency of CONSISTENCIES)
      it(`keeps that a snapshot is '${consistency}', of which its document tells nothing`, async () => {
        const snapshot = sampleSnapshot({ consistency });
        await subject.store.write(SAMPLE_UUID, snapshot);
        const store = subject.reopened();
        expect(await store.read(SAMPLE_UUID, "sample")).to.deep.equal(snapshot);
        expect((await store.index(SAMPLE_UUID)).heads).to.have.nested.property(
          "[0].consistency",
          consistency,
        );
      });

    it("keeps which backend has each disk, of which its document tells nothing", async () => {
      const disks = ["vda", "x--", "-", "a b=c%", "ü\n-->"].map(
        (name) => ({ name, mode: "internal", type: "file", backend: `of-${name.length}` }) as const,
      );
      const many = Array.from({ length: 200 }, (_, index) => ({
        ...{ name: `vd${String(index)}`, mode: "internal", type: "file" },
        ...(index % 2 === 0 && { backend: "dd" }),
      })) as DiskSnapshot[];
      const overlay = { name: "vda", mode: "external", type: "file", format: "qcow2" } as const;
      const revertDisks = [{ ...overlay, source: { path: "/o" }, backend: "qdisk" }];
      const consistency = "memory";
      await subject.store.writeAll(SAMPLE_UUID, [
        sampleSnapshot({ disks, consistency }),
        sampleSnapshot({ name: "many", disks: many, revertDisks }),
      ]);
      const store = subject.reopened();
      const { heads } = await store.index(SAMPLE_UUID);
      for (const [name, expected] of [
        ["sample", { disks, consistency }],
        ["many", { disks: many, revertDisks }],
      ] as const) {
        expect(await store.read(SAMPLE_UUID, name)).to.deep.include(expected);
        expect(heads.find((head) => head.name === name)).to.deep.include(expected);
      }
    });

    it("gives back a complete record as it was written", async () => {
      const snapshot = sampleSnapshot();
      await subject.store.write(SAMPLE_UUID, snapshot);
      expect(await subject.reopened().read(SAMPLE_UUID, "sample")).to.deep.equal(snapshot);
    });

    it("lists the head of what it was given", async () => {
      await subject.store.write(SAMPLE_UUID, sampleSnapshot({ parent: "root" }));
      const { heads, problems } = await subject.reopened().index(SAMPLE_UUID);
      expect(problems).to.deep.equal([]);
      expect(heads.map(headOf)).to.deep.equal([headOf(sampleSnapshot({ parent: "root" }))]);
    });

    for (const ordinary of ORDINARY_NAMES)
      it(`holds a snapshot named ${JSON.stringify(ordinary)}`, async () => {
        subject.store.assertName(ordinary);
        await subject.store.write(SAMPLE_UUID, sampleSnapshot({ name: ordinary }));
        await subject.store.setCurrent(SAMPLE_UUID, ordinary);
        const index = await subject.reopened().index(SAMPLE_UUID);
        expect(index.problems).to.deep.equal([]);
        expect(index.heads.map((head) => head.name)).to.deep.equal([ordinary]);
        expect(index.current).to.equal(ordinary);
        expect((await subject.store.read(SAMPLE_UUID, ordinary)).name).to.equal(ordinary);
        await subject.store.remove(SAMPLE_UUID, ordinary);
        expect((await subject.store.index(SAMPLE_UUID)).heads).to.deep.equal([]);
      });

    for (const refused of contract.refusedNames)
      it(`refuses the name ${JSON.stringify(refused.slice(0, 20))}`, async () => {
        await expectError(() => {
          subject.store.assertName(refused);
        }, "xml-detail");
        const snapshot = sampleSnapshot({ name: refused });
        await expectError(subject.store.write(SAMPLE_UUID, snapshot), "xml-detail");
        await expectError(subject.store.read(SAMPLE_UUID, refused), "no-domain-snapshot");
        await subject.store.remove(SAMPLE_UUID, refused);
      });

    it("lists in link order, oldest first", async () => {
      for (const [name, creationTime] of [
        ["c", 1n],
        ["a", 2n],
        ["b", 3n],
      ] as const)
        await subject.store.write(SAMPLE_UUID, sampleSnapshot({ name, creationTime }));
      const { heads } = await subject.store.index(SAMPLE_UUID);
      expect(heads.map((head) => head.name)).to.deep.equal(["c", "a", "b"]);
    });

    it("holds the earliest, the latest and the unknown creation time", async () => {
      const limit = 2n ** 63n;
      for (const creationTime of [-limit, 0n, limit - 1n]) {
        await subject.store.write(SAMPLE_UUID, sampleSnapshot({ creationTime }));
        const { heads } = await subject.reopened().index(SAMPLE_UUID);
        expect(heads[0]?.creationTime).to.equal(creationTime);
        const { creationTime: read } = await subject.reopened().read(SAMPLE_UUID, "sample");
        expect(read).to.equal(creationTime);
      }
    });

    it("replaces a record of the same name", async () => {
      await subject.store.write(SAMPLE_UUID, sampleSnapshot());
      await subject.store.write(SAMPLE_UUID, sampleSnapshot({ description: "second" }));
      const { heads } = await subject.store.index(SAMPLE_UUID);
      expect(heads.map((head) => head.description)).to.deep.equal(["second"]);
    });

    it("keeps domains apart", async () => {
      await subject.store.write(SAMPLE_UUID, sampleSnapshot());
      await subject.store.setCurrent(SAMPLE_UUID, "sample");
      const other = await subject.store.index(OTHER_UUID);
      expect(other).to.deep.equal({ heads: [], problems: [] });
    });

    it("removes a record, also one that is not there", async () => {
      await subject.store.remove(SAMPLE_UUID, "sample");
      await subject.store.write(SAMPLE_UUID, sampleSnapshot());
      await subject.store.remove(SAMPLE_UUID, "sample");
      await subject.store.remove(SAMPLE_UUID, "sample");
      expect((await subject.reopened().index(SAMPLE_UUID)).heads).to.deep.equal([]);
      await expectError(subject.store.read(SAMPLE_UUID, "sample"), "no-domain-snapshot");
    });

    it("remembers the current snapshot until there is none", async () => {
      for (const name of ["a", "b"])
        await subject.store.write(SAMPLE_UUID, sampleSnapshot({ name }));
      await subject.store.setCurrent(SAMPLE_UUID, "a");
      await subject.store.setCurrent(SAMPLE_UUID, "b");
      expect((await subject.reopened().index(SAMPLE_UUID)).current).to.equal("b");
      await subject.store.setCurrent(SAMPLE_UUID, undefined);
      await subject.store.setCurrent(SAMPLE_UUID, undefined);
      expect(await subject.reopened().index(SAMPLE_UUID)).not.to.have.property("current");
    });

    it("tells of a current snapshot that does not exist, and has none then", async () => {
      await subject.store.write(SAMPLE_UUID, sampleSnapshot());
      await subject.store.setCurrent(SAMPLE_UUID, "gone");
      const index = await subject.reopened().index(SAMPLE_UUID);
      expect(index).not.to.have.property("current");
      expect(index.heads).to.have.length(1);
      expect(index.problems.map((problem) => problem.reason)).to.deep.equal([
        "there is no snapshot 'gone'",
      ]);
    });
  });
}

function headOf({ name, description, state, parent, creationTime, memory, disks }: SnapshotHead) {
  return { name, description, state, parent, creationTime, memory, disks };
}
