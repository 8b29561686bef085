import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { expect } from "chai";

import { DomsnapError } from "../../../src/core/errors/index.js";
import type { DomainSnapshot } from "../../../src/core/model/index.js";
import { FileSnapshotStore } from "../../../src/plugins/store-file/index.js";
import { formatRecord } from "../../../src/plugins/store-file/read-record.js";
import { expectError, SAMPLE_UUID, sampleSnapshot } from "../../../src/testing/index.js";
import { libvirtDocuments } from "../../../src/xml/index.js";
import { everyDamage } from "../../support/damage.js";
import { editRecord } from "../../support/edit-record.js";
import { makeFolder } from "../support/state-folder.js";

const NOTED = sampleSnapshot({
  consistency: "memory",
  disks: [
    { name: "vda", mode: "internal", type: "file", backend: "qdisk" },
    {
      name: "vdb",
      mode: "external",
      type: "file",
      format: "raw",
      source: { path: "/images/b.sample" },
      backend: "dd",
    },
  ],
});

describe("the format of records", () => {
  let folder: string;
  let file: string;
  let store: FileSnapshotStore;
  let dispose: () => Promise<void>;
  beforeEach(async () => {
    const made = await makeFolder();
    dispose = made.dispose;
    folder = join(made.path, SAMPLE_UUID);
    file = join(folder, "sample.xml");
    store = new FileSnapshotStore(made.path, libvirtDocuments);
    mkdirSync(folder, { mode: 0o700 });
  });
  afterEach(() => dispose());

  const textOf = () => readFileSync(file, "utf8");
  /** Writes a record and puts lines into its comment, as a later version would. */
  const noting = async (snapshot: DomainSnapshot, lines: string, writer = "domsnap 9.8.7") => {
    await store.write(SAMPLE_UUID, snapshot);
    const sealed = formatRecord({ ...snapshot, unknownNotes: [lines] }, libvirtDocuments);
    writeFileSync(file, sealed);
    editRecord(file, (text) => text.replace(/^Writer: .*/m, `Writer: ${writer}`));
  };
  const problem = async () => {
    const { heads, problems } = await store.index(SAMPLE_UUID);
    expect(heads).to.deep.equal([]);
    expect(problems.map(({ record, snapshot }) => [record, snapshot])).to.deep.equal([
      [file, "sample"],
    ]);
    return problems[0] ?? { reason: "", remedy: "" };
  };

  it("has a version, a writer and checksums in a comment", async () => {
    await store.write(SAMPLE_UUID, NOTED);
    expect(textOf()).to.match(
      /^<!--\n[^]*\nFormat: 1\nWriter: domsnap \d\S*\nConsistency: memory\nBackends: vda=qdisk vdb=dd\nChecksum: [0-9a-f]{8} [0-9a-f]{8}\n-->\n/,
    );
  });

  it("with any bit flipped, or cut off anywhere, says what it said or is refused", async function () {
    this.timeout(600_000);
    await store.write(SAMPLE_UUID, NOTED);
    const head = (await store.index(SAMPLE_UUID)).heads;
    for (const { what, bytes } of everyDamage(readFileSync(file))) {
      writeFileSync(file, bytes);
      const error = await expectError(store.read(SAMPLE_UUID, "sample"), "record-unreadable");
      expect(error.message, what).to.contain(file);
      const { heads, problems } = await store.index(SAMPLE_UUID);
      // What is behind the head, no list reads.
      if (problems.length === 0) expect(heads, what).to.deep.equal(head);
      else expect(problems[0]?.record, what).to.equal(file);
    }
  });

  it("that a later version has raised is not read, and its writer is named", async () => {
    await noting(NOTED, "Layers: three");
    editRecord(file, (text) => text.replace("Format: 1", "Format: 2"));
    const told = "its format is version 2 (written by domsnap 9.8.7), and this domsnap knows 1";
    const what = "Use the version of domsnap that wrote it, or a newer one.";
    const error = await expectError(store.read(SAMPLE_UUID, "sample"), "record-unreadable");
    expect(error.detail).to.equal(`snapshot record '${file}' cannot be read: ${told}`);
    expect(error.hint).to.equal(what);
    expect(await problem()).to.include({ reason: told, remedy: what });
  });

  it("keeps lines that it does not know when a record is written again", async () => {
    await noting(NOTED, "Encrypted: with a key\nsomething else");
    const read = await store.read(SAMPLE_UUID, "sample");
    const unknownNotes = ["Encrypted: with a key", "something else"];
    expect(read).to.deep.equal({ ...NOTED, unknownNotes });
    await store.write(SAMPLE_UUID, { ...read, parent: "other" });
    expect(textOf()).to.contain("\nEncrypted: with a key\nsomething else\nChecksum: ");
    expect(await store.read(SAMPLE_UUID, "sample")).to.deep.equal({ ...read, parent: "other" });
    expect((await store.index(SAMPLE_UUID)).heads[0]).to.deep.include({ unknownNotes });
  });

  for (const line of ["Consistency: quantum", "Backends: vda", "Backends: vda=a=b"])
    it(`does not read '${line}' as nothing`, async () => {
      await noting(sampleSnapshot(), line);
      const error = await expectError(store.read(SAMPLE_UUID, "sample"), "record-unreadable");
      expect(error.detail).to.match(/its line '.*' is not understood$|: vda/);
      expect((await problem()).reason).to.match(/is not understood$/);
    });

  it("does not take one of two lines for both", async () => {
    await noting(NOTED, "Backends: vda=other");
    await expectError(store.read(SAMPLE_UUID, "sample"), "record-unreadable", /not understood/);
  });

  it("that was changed by hand is told with what to do, and is read when that is done", async () => {
    await store.write(SAMPLE_UUID, NOTED);
    writeFileSync(file, textOf().replace("/images/b.sample", "/images/c.sample"));
    const error = await expectError(store.read(SAMPLE_UUID, "sample"), "record-unreadable");
    expect(error.detail).to.match(/: it is not as it was written$/);
    expect(error.hint).to.contain("'Checksum: none'");
    writeFileSync(file, textOf().replace(/^Checksum: .*/m, "Checksum: none"));
    const { disks } = await store.read(SAMPLE_UUID, "sample");
    expect(disks[1]?.source?.path).to.equal("/images/c.sample");
    expect((await store.index(SAMPLE_UUID)).problems).to.deep.equal([]);
    await store.write(SAMPLE_UUID, await store.read(SAMPLE_UUID, "sample"));
    expect(textOf()).to.match(/^Checksum: [0-9a-f]{8} [0-9a-f]{8}$/m);
  });

  it("is none without its checksums", async () => {
    await store.write(SAMPLE_UUID, NOTED);
    writeFileSync(file, textOf().replace(/^Checksum: .*\n/m, ""));
    await expectError(store.read(SAMPLE_UUID, "sample"), "record-unreadable", /not as it was/);
  });

  it("is any document of another program, and one of before there was a format", async () => {
    const document = libvirtDocuments.formatSnapshot(sampleSnapshot());
    writeFileSync(file, `<!--\nWARNING: THIS IS AN AUTO-GENERATED FILE.\n-->\n\n${document}`);
    expect(await store.read(SAMPLE_UUID, "sample")).to.deep.equal(sampleSnapshot());
    const preface =
      "A snapshot record of domsnap. Please do not edit it by hand, but with\n  domsnap snapshot-edit\n";
    writeFileSync(file, `<!--\n${preface}Consistency: memory\n-->\n\n${document}`);
    expect(await store.read(SAMPLE_UUID, "sample")).to.deep.equal(
      sampleSnapshot({ consistency: "memory" }),
    );
  });

  it("of the current snapshot is its name behind a checksum; a damaged one names none", async () => {
    await store.write(SAMPLE_UUID, sampleSnapshot());
    await store.setCurrent(SAMPLE_UUID, "sample");
    const current = join(folder, "current");
    const whole = readFileSync(current);
    expect(whole.toString()).to.match(/^[0-9a-f]{8} sample\n$/);
    for (const { what, bytes } of everyDamage(whole)) {
      writeFileSync(current, bytes);
      const index = await store.index(SAMPLE_UUID);
      expect(index, what).not.to.have.property("current");
      expect(index.problems[0], what).to.include({ record: current, about: "current" });
    }
    await store.setCurrent(SAMPLE_UUID, "sample");
    expect((await store.index(SAMPLE_UUID)).current).to.equal("sample");
  });

  it("is refused in words and with a code, whatever the damage", async () => {
    for (const text of [
      "<!--\nFormat: 1\n-->",
      "<!---->",
      "<!--\nFormat: x\n-->",
      "<!--Checksum: ",
    ]) {
      writeFileSync(file, text);
      const error = await expectError(store.read(SAMPLE_UUID, "sample"), "record-unreadable");
      expect(error).to.be.instanceOf(DomsnapError);
      expect(error.message).not.to.match(/undefined|TypeError/);
    }
  });
});
