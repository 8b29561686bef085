import { expect } from "chai";

import {
  MemoryJournal,
  MemoryLock,
  MemorySnapshotStore,
} from "../../../src/plugins/store-memory/index.js";
import {
  describeDomainLock,
  describeJournal,
  describeSnapshotStore,
  SAMPLE_UUID,
  sampleSnapshot,
} from "../../../src/testing/index.js";

describeSnapshotStore("MemorySnapshotStore", {
  open: () => {
    const store = new MemorySnapshotStore();
    return Promise.resolve({ store, reopened: () => store });
  },
  refusedNames: [],
});

describeJournal("MemoryJournal", () => {
  const journal = new MemoryJournal();
  return Promise.resolve({ journal, reopened: () => journal });
});

describeDomainLock("MemoryLock", () => Promise.resolve({ lock: new MemoryLock() }));

describe("MemorySnapshotStore", () => {
  it("takes the names that a file could not have, as libvirt's test driver does", async () => {
    const store = new MemorySnapshotStore();
    for (const name of ["a/b", ".a", ".."])
      await store.write(SAMPLE_UUID, sampleSnapshot({ name }));
    const { heads } = await store.index(SAMPLE_UUID);
    expect(heads.map((head) => head.name)).to.deep.equal(["a/b", ".a", ".."]);
  });

  it("keeps the order of linking, whatever the times say, and links anew what is written again", async () => {
    const store = new MemorySnapshotStore();
    for (const [name, creationTime] of [
      ["new", 9n],
      ["old", 1n],
      ["new", 10n],
    ] as const)
      await store.write(SAMPLE_UUID, sampleSnapshot({ name, creationTime }));
    const { heads } = await store.index(SAMPLE_UUID);
    expect(heads.map((head) => head.name)).to.deep.equal(["old", "new"]);
  });
});
