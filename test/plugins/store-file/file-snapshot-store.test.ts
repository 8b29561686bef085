import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { expect } from "chai";
import fc from "fast-check";

import { DomsnapError } from "../../../src/core/errors/index.js";
import { FileSnapshotStore, KernelFileLock } from "../../../src/plugins/store-file/index.js";
import {
  describeSnapshotStore,
  expectError,
  SAMPLE_UUID,
  sampleSnapshot,
} from "../../../src/testing/index.js";
import { libvirtDocuments } from "../../../src/xml/index.js";
import { startChild } from "../support/child.js";
import { makeFolder } from "../support/state-folder.js";

const LONGEST_NAME_BYTES = 255 - ".xml.new".length;

describeSnapshotStore("FileSnapshotStore", {
  async open() {
    const { path, dispose } = await makeFolder();
    const open = () => new FileSnapshotStore(join(path, "state"), libvirtDocuments);
    return { store: open(), reopened: open, dispose };
  },
  refusedNames: [
    "",
    ".",
    "..",
    ".hidden",
    "../../etc/passwd",
    "a/b",
    "/abs",
    "nul\0",
    "bell\x07",
    "escape\x1b[2J",
    "\ud800 half a character",
    "x".repeat(LONGEST_NAME_BYTES + 1),
    "ü".repeat(LONGEST_NAME_BYTES / 2) + "x".repeat(2),
  ],
});

describe("FileSnapshotStore", () => {
  let state: string;
  let folder: string;
  let store: FileSnapshotStore;
  let dispose: () => Promise<void>;

  beforeEach(async () => {
    ({ path: state, dispose } = await makeFolder());
    folder = join(state, SAMPLE_UUID);
    store = new FileSnapshotStore(state, libvirtDocuments);
  });
  afterEach(() => dispose());

  const fileOf = (name: string) => join(folder, `${name}.xml`);
  const plant = (fileName: string, content: string) => {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeFileSync(join(folder, fileName), content);
  };

  describe("names", () => {
    it("refuses '/' and a leading dot in libvirt's words", () => {
      expect(() => {
        store.assertName("a/b");
      }).to.throw(DomsnapError, "invalid snapshot name 'a/b': name can't contain '/'");
      expect(() => {
        store.assertName(".x");
      }).to.throw(DomsnapError, "invalid snapshot name '.x': name can't start with '.'");
    });

    it("takes names as long as a file's name with both suffixes can be", async () => {
      for (const name of ["x".repeat(LONGEST_NAME_BYTES), "☂".repeat(82)]) {
        await store.write(SAMPLE_UUID, sampleSnapshot({ name }));
        expect((await store.read(SAMPLE_UUID, name)).name).to.equal(name);
      }
    });

    it("either refuses a name, or gives it back from the folder of the domain", () =>
      fc.assert(
        fc.asyncProperty(
          fc.string({ unit: "binary", minLength: 1, maxLength: 12 }),
          async (name) => {
            try {
              store.assertName(name);
            } catch (thrown) {
              expect(thrown).to.be.instanceOf(DomsnapError);
              return;
            }
            await store.write(SAMPLE_UUID, sampleSnapshot({ name }));
            expect(readdirSync(folder)).to.include(`${name}.xml`);
            const { heads, problems } = await store.index(SAMPLE_UUID);
            expect(problems).to.deep.equal([]);
            expect(heads.map((head) => head.name)).to.deep.equal([name]);
            await store.remove(SAMPLE_UUID, name);
          },
        ),
        { numRuns: 60 },
      ));

    const refusedUuids = [
      "",
      "..",
      "../x",
      SAMPLE_UUID.toUpperCase(),
      `${SAMPLE_UUID}/..`,
      `${SAMPLE_UUID}\n`,
    ];
    for (const uuid of refusedUuids)
      it(`refuses the uuid ${JSON.stringify(uuid)}`, async () => {
        await expectError(store.index(uuid), "invalid-argument");
        await expectError(store.read(uuid, "s"), "invalid-argument");
        await expectError(store.write(uuid, sampleSnapshot()), "invalid-argument");
        await expectError(store.remove(uuid, "s"), "invalid-argument");
        await expectError(store.setCurrent(uuid, "s"), "invalid-argument");
        expect(readdirSync(state)).to.deep.equal([]);
      });
  });

  describe("files", () => {
    it("are private, whatever the umask", async () => {
      const previous = process.umask(0);
      try {
        await store.write(SAMPLE_UUID, sampleSnapshot());
        await store.setCurrent(SAMPLE_UUID, "sample");
      } finally {
        process.umask(previous);
      }
      const modeOf = (path: string) => statSync(path).mode & 0o777;
      expect(modeOf(folder)).to.equal(0o700);
      expect(modeOf(fileOf("sample"))).to.equal(0o600);
      expect(modeOf(join(folder, "current"))).to.equal(0o600);
    });

    it("are documents that other programs read", async () => {
      await store.write(SAMPLE_UUID, sampleSnapshot());
      const text = readFileSync(fileOf("sample"), "utf8");
      expect(text).to.match(/^<!--\n[^>]*domsnap snapshot-edit\n[^>]*\n-->\n\n<domainsnapshot>\n/);
      expect(text.slice(text.indexOf("<domainsnapshot>"))).to.equal(
        libvirtDocuments.formatSnapshot(sampleSnapshot(), { secure: true }),
      );
      const name = execFileSync("xmllint", ["--xpath", "string(//domain/name)", fileOf("sample")]);
      expect(name.toString().trim()).to.equal("guest");
    });

    it("of a crashed writer are ignored, and gone when the next one has the lock", async () => {
      plant("lost.xml.new", "<domainsnaps");
      plant("current.new", "los");
      plant("sample.xml.new", "<domainsnaps");
      expect(await store.index(SAMPLE_UUID)).to.deep.equal({ heads: [], problems: [] });
      await new KernelFileLock(dirname(folder)).run(SAMPLE_UUID, { timeoutMs: 0 }, () =>
        store.write(SAMPLE_UUID, sampleSnapshot()),
      );
      expect(readdirSync(folder)).to.deep.equal(["lock", "sample.xml"]);
    });

    it("that cannot be written leave the old record and no other trace", async () => {
      await store.write(SAMPLE_UUID, sampleSnapshot());
      mkdirSync(join(folder, "taken.xml"));
      const failing = store.write(SAMPLE_UUID, sampleSnapshot({ name: "taken" }));
      await expectError(failing, "system-error", /taken\.xml'/);
      expect(readdirSync(folder).sort()).to.deep.equal(["sample.xml", "taken.xml"]);
      expect((await store.read(SAMPLE_UUID, "sample")).name).to.equal("sample");
    });

    it("are old or new, never in between, while they are written and when the writer is killed", async () => {
      const writer = new URL("./write-child.ts", import.meta.url);
      const check = async () => {
        const { heads, current, problems } = await store.index(SAMPLE_UUID);
        expect({ current, problems }).to.deep.equal({ current: "sample", problems: [] });
        expect(heads[0]?.description)
          .to.match(/^(\d+ )(?:\1)*$/)
          .and.have.length.above(39_999);
        expect(await store.read(SAMPLE_UUID, "sample")).to.have.property("domain");
      };
      for (let round = 0; round < 3; round++) {
        const child = startChild(writer, [state]);
        await child.line();
        for (let reading = 0; reading < 50; reading++) {
          await check();
          await sleep(1);
        }
        await child.kill("SIGKILL");
        await check();
      }
    });
  });

  describe("links planted in the state folder", () => {
    let outside: string;
    beforeEach(() => {
      outside = join(state, "outside");
      mkdirSync(outside);
      writeFileSync(join(outside, "secret.xml"), "secret");
    });
    const secret = () => readFileSync(join(outside, "secret.xml"), "utf8");

    it("are not read as records", async () => {
      const document = libvirtDocuments.formatSnapshot(sampleSnapshot({ name: "link" }));
      writeFileSync(join(outside, "link.xml"), document);
      mkdirSync(folder);
      symlinkSync(join(outside, "link.xml"), fileOf("link"));
      const { heads, problems } = await store.index(SAMPLE_UUID);
      expect(heads).to.deep.equal([]);
      expect(problems.map((problem) => problem.record)).to.deep.equal([fileOf("link")]);
      await expectError(store.read(SAMPLE_UUID, "link"), "record-unreadable");
    });

    it("are replaced by records, and what they point at stays", async () => {
      mkdirSync(folder);
      for (const name of ["sample.xml", "sample.xml.new", "current", "current.new"])
        symlinkSync(join(outside, "secret.xml"), join(folder, name));
      await store.write(SAMPLE_UUID, sampleSnapshot());
      await store.setCurrent(SAMPLE_UUID, "sample");
      expect(secret()).to.equal("secret");
      expect((await store.index(SAMPLE_UUID)).current).to.equal("sample");
    });

    it("do not stand in for the folder of a domain", async () => {
      symlinkSync(outside, folder);
      const { heads, problems } = await store.index(SAMPLE_UUID);
      expect(heads).to.deep.equal([]);
      expect(problems[0]?.record).to.equal(folder);
      await expectError(store.write(SAMPLE_UUID, sampleSnapshot()), "system-error");
      await expectError(store.remove(SAMPLE_UUID, "secret"), "system-error");
      await expectError(store.setCurrent(SAMPLE_UUID, "sample"), "system-error");
      await expectError(store.setCurrent(SAMPLE_UUID, undefined), "system-error");
      await expectError(store.read(SAMPLE_UUID, "secret"), "record-unreadable");
      expect(readdirSync(outside)).to.deep.equal(["secret.xml"]);
    });
  });

  describe("records that cannot be used", () => {
    const valid = libvirtDocuments.formatSnapshot(sampleSnapshot());
    const damaged: Record<string, string | Buffer> = {
      empty: "",
      torn: valid.slice(0, valid.length / 2),
      "not XML": "hello",
      "another document": "<domain/>",
      "of another name": valid,
      "without a state": valid.replace(/<state>.*<\/state>/, ""),
      "not UTF-8": Buffer.from([0x3c, 0xff, 0xfe, 0x3e]),
    };
    for (const [kind, content] of Object.entries(damaged))
      it(`hide no other: ${kind}`, async () => {
        await store.write(SAMPLE_UUID, sampleSnapshot());
        writeFileSync(fileOf("bad"), content);
        const { heads, problems } = await store.index(SAMPLE_UUID);
        expect(heads.map((head) => head.name)).to.deep.equal(["sample"]);
        expect(problems).to.have.length(1);
        expect(problems[0]?.record).to.equal(fileOf("bad"));
        expect(problems[0]?.reason).to.match(/\S/);
        await expectError(store.read(SAMPLE_UUID, "bad"), "record-unreadable", /bad\.xml/);
      });

    it("hide no other: a folder, a pipe, a name that no snapshot has", async () => {
      await store.write(SAMPLE_UUID, sampleSnapshot());
      mkdirSync(fileOf("folder"));
      execFileSync("mkfifo", [fileOf("pipe")]);
      plant(".xml", valid);
      const { heads, problems } = await store.index(SAMPLE_UUID);
      expect(heads.map((head) => head.name)).to.deep.equal(["sample"]);
      const records = problems.map((problem) => problem.record).sort();
      expect(records).to.deep.equal([fileOf(""), fileOf("folder"), fileOf("pipe")]);
    });

    it("hide no other: one that is larger than any record", async () => {
      await store.write(SAMPLE_UUID, sampleSnapshot());
      execFileSync("truncate", ["--size", "1T", fileOf("huge")]);
      const { heads, problems } = await store.index(SAMPLE_UUID);
      expect(heads).to.have.length(1);
      expect(problems[0]?.reason).to.match(/larger than/);
      await expectError(store.read(SAMPLE_UUID, "huge"), "record-unreadable");
    });

    it("do not include files of other kinds", async () => {
      plant("notes.txt", "hello");
      plant("sample.xml~", valid);
      expect(await store.index(SAMPLE_UUID)).to.deep.equal({ heads: [], problems: [] });
    });

    it("include a marker that is no file", async () => {
      await store.write(SAMPLE_UUID, sampleSnapshot());
      mkdirSync(join(folder, "current"));
      const index = await store.index(SAMPLE_UUID);
      expect(index.heads).to.have.length(1);
      expect(index).not.to.have.property("current");
      expect(index.problems[0]?.record).to.equal(join(folder, "current"));
    });
  });

  describe("the index", () => {
    it("orders by creation time, and by name within a second", async () => {
      const times = { b: 5n, a: 5n, zero: 0n, early: -5n, late: 2n ** 62n };
      for (const [name, creationTime] of Object.entries(times))
        await store.write(SAMPLE_UUID, sampleSnapshot({ name, creationTime }));
      const { heads } = await store.index(SAMPLE_UUID);
      expect(heads.map((head) => head.name)).to.deep.equal(["early", "zero", "a", "b", "late"]);
    });

    it("of 2,000 records parses no domain definition", async () => {
      const text = libvirtDocuments.formatSnapshot(sampleSnapshot());
      // Whoever reads this definition, fails.
      const unparsable = text.replace("<memory unit='KiB'>", "<memory unit='KiB'><<<");
      for (let number = 0; number < 2000; number++)
        plant(`${number}.xml`, unparsable.replace("<name>sample<", `<name>${number}<`));
      const { heads, problems } = await store.index(SAMPLE_UUID);
      expect(problems).to.deep.equal([]);
      expect(heads).to.have.length(2000);
      await expectError(store.read(SAMPLE_UUID, "1999"), "record-unreadable");
    });

    it("reads on where a head is longer than usual, and where `<domain` is only text", async () => {
      const disks = Array.from({ length: 100 }, (_, index) => ({
        name: `vd${index}`,
        mode: "internal" as const,
        type: "file" as const,
      }));
      await store.write(SAMPLE_UUID, sampleSnapshot({ disks }));
      const text = libvirtDocuments.formatSnapshot(sampleSnapshot({ name: "tricky" }));
      plant("tricky.xml", text.replace("<name>", "<!-- <domain> --><name>"));
      const { heads, problems } = await store.index(SAMPLE_UUID);
      expect(problems).to.deep.equal([]);
      const counts = Object.fromEntries(heads.map((head) => [head.name, head.disks.length]));
      expect(counts).to.deep.equal({ sample: 100, tricky: 2 });
    });
  });

  it("makes nothing for a domain that is only looked at", async () => {
    await store.index(SAMPLE_UUID);
    await store.remove(SAMPLE_UUID, "s");
    await store.setCurrent(SAMPLE_UUID, undefined);
    expect(existsSync(folder)).to.equal(false);
  });
});
