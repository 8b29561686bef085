import {
  appendFileSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";

import { expect } from "chai";

import { FileJournal } from "../../../src/plugins/store-file/index.js";
import {
  describeJournal,
  expectError,
  SAMPLE_UUID,
  samplePlan,
} from "../../../src/testing/index.js";
import { makeFolder } from "../support/state-folder.js";

describeJournal("FileJournal", async () => {
  const { path, dispose } = await makeFolder();
  const open = () => new FileJournal(join(path, "state"));
  return { journal: open(), reopened: open, dispose };
});

describe("FileJournal", () => {
  let file: string;
  let journal: FileJournal;
  let dispose: () => Promise<void>;

  beforeEach(async () => {
    const made = await makeFolder();
    dispose = made.dispose;
    file = join(made.path, SAMPLE_UUID, "journal");
    journal = new FileJournal(made.path);
  });
  afterEach(() => dispose());

  it("is a private file of lines", async () => {
    await journal.begin(samplePlan());
    await journal.started(SAMPLE_UUID, 0);
    await journal.finished(SAMPLE_UUID, 0);
    const lines = readFileSync(file, "utf8").split("\n");
    expect(lines[0]).to.match(/^\{"domsnapJournal":1,/);
    expect(lines.slice(1)).to.deep.equal(["started 0", "finished 0", ""]);
    expect(statSync(file).mode & 0o777).to.equal(0o600);
  });

  it("reads past a last line that was cut off anywhere, and writes over it", async () => {
    await journal.begin(samplePlan());
    await journal.started(SAMPLE_UUID, 0);
    const whole = statSync(file).size;
    await journal.finished(SAMPLE_UUID, 12);
    const end = statSync(file).size;
    for (let size = end - 1; size >= whole; size--) {
      truncateSync(file, size);
      const torn = await journal.read(SAMPLE_UUID);
      expect(torn?.finished, `cut to ${size}`).to.deep.equal(new Set());
      expect(torn?.started).to.deep.equal(new Set([0]));
      await journal.finished(SAMPLE_UUID, 1);
      expect((await journal.read(SAMPLE_UUID))?.finished).to.deep.equal(new Set([1]));
      truncateSync(file, whole);
      appendFileSync(file, "finished 12".slice(0, Math.max(0, size - whole - 1)));
    }
  });

  it("does not begin with half a plan", async () => {
    mkdirSync(join(file, ".."));
    writeFileSync(`${file}.new`, '{"domsnapJournal":1,"own');
    expect(await journal.read(SAMPLE_UUID)).to.equal(undefined);
    await journal.begin(samplePlan());
    expect((await journal.read(SAMPLE_UUID))?.plan).to.deep.equal(samplePlan());
  });

  const unusable: Record<string, string> = {
    "an unknown version": '{"domsnapJournal":2,"owner":{},"plan":{"operations":[]}}\n',
    "no version": '{"owner":{},"plan":{"operations":[]}}\n',
    "no plan": '{"domsnapJournal":1,"owner":{}}\n',
    "no line end": '{"domsnapJournal":1',
    "no JSON": "hello\n",
    "no object": "null\n",
    nothing: "",
  };
  for (const [kind, content] of Object.entries(unusable))
    it(`refuses a file with ${kind}, and keeps it`, async () => {
      mkdirSync(join(file, ".."));
      writeFileSync(file, content);
      const error = await expectError(journal.read(SAMPLE_UUID), "recovery-failed");
      expect(error.effect).to.equal("partial");
      await expectError(journal.begin(samplePlan()), "internal-error");
      expect(readFileSync(file, "utf8")).to.equal(content);
    });

  it("refuses a line in the middle that it did not write", async () => {
    await journal.begin(samplePlan());
    appendFileSync(file, "started one\n");
    await journal.finished(SAMPLE_UUID, 0);
    await expectError(journal.read(SAMPLE_UUID), "recovery-failed", /'started one'/);
  });

  it("does not follow a link", async () => {
    mkdirSync(join(file, ".."));
    symlinkSync("/etc/passwd", file);
    await expectError(journal.read(SAMPLE_UUID), "recovery-failed");
    await expectError(journal.started(SAMPLE_UUID, 0), "system-error");
  });

  it("refuses a uuid that is a path", async () => {
    await expectError(journal.read("../x"), "invalid-argument");
    await expectError(journal.begin(samplePlan("../x")), "invalid-argument");
  });
});
