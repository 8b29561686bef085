import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { expect } from "chai";

import {
  FileJournal,
  FileSnapshotStore,
  KernelFileLock,
} from "../../../src/plugins/store-file/index.js";
import { withInformationFiles } from "../../../src/plugins/toolstack-xl/information-files/index.js";
import {
  describeSnapshotStore,
  OTHER_UUID,
  SAMPLE_UUID,
  sampleSnapshot,
} from "../../../src/testing/index.js";
import { libvirtDocuments } from "../../../src/xml/index.js";
import { makeFolder } from "../support/state-folder.js";

function open(state: string) {
  const persistence = {
    store: new FileSnapshotStore(state, libvirtDocuments),
    journal: new FileJournal(state),
    lock: new KernelFileLock(state),
  };
  return withInformationFiles(persistence, state, () => Promise.resolve(undefined));
}

describeSnapshotStore("A store with information files", {
  async open() {
    const { path, dispose } = await makeFolder();
    const state = join(path, "state");
    return { store: open(state).store, reopened: () => open(state).store, dispose };
  },
  refusedNames: [
    ...["", ".", "..", ".hidden", "a/b", "../escape", `x/../../${OTHER_UUID}/sample`],
    ...["a\0b", "\ud800", "n".repeat(300)],
  ],
});

describe("A store with information files", () => {
  it("writes those of many records with them, each under its own domain", async () => {
    const { path, dispose } = await makeFolder();
    const { store } = open(path);
    const names = Array.from({ length: 50 }, (_none, at) => `täglich ${at}\nx.xl.next`);
    await store.writeAll(
      SAMPLE_UUID,
      names.map((name) => sampleSnapshot({ name })),
    );
    await store.write(OTHER_UUID, sampleSnapshot({ name: "alone" }));
    const files = readdirSync(join(path, SAMPLE_UUID));
    expect(files.filter((file) => file.endsWith(".xl"))).to.have.length(50);
    expect(files).to.have.length(100);
    expect((await store.index(SAMPLE_UUID)).heads).to.have.length(50);
    expect(await store.views?.check(SAMPLE_UUID)).to.deep.equal([]);
    await store.write(SAMPLE_UUID, sampleSnapshot({ name: names[0] ?? "", description: "other" }));
    expect(await store.views?.check(SAMPLE_UUID)).to.deep.equal([]);
    const view = join(path, SAMPLE_UUID, `snapshotdata-${names[0] ?? ""}.xl`);
    expect(readFileSync(view, "utf8")).to.include('description="other"');
    await dispose();
  });

  it("finds nothing outside of the folder by a hostile name", async () => {
    const { path, dispose } = await makeFolder();
    const { store } = open(path);
    await store.write(SAMPLE_UUID, sampleSnapshot({ name: "s" }));
    for (const name of [`x/../../${OTHER_UUID}/s`, "../s", "a\0"]) {
      const thrown: unknown = await store.read(SAMPLE_UUID, name).catch((error: unknown) => error);
      expect(thrown, name).to.include({ code: "no-domain-snapshot" });
      await store.remove(OTHER_UUID, name);
      await store.views?.renew(OTHER_UUID, name);
    }
    expect(readdirSync(join(path, SAMPLE_UUID))).to.have.length(2);
    await dispose();
  });
});
