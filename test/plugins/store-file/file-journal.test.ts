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

import type { Plan } from "../../../src/core/model/index.js";
import type { JournalBeginning } from "../../../src/core/ports/index.js";
import { VERSION } from "../../../src/host/package-version.js";
import { FileJournal } from "../../../src/plugins/store-file/index.js";
import {
  describeJournal,
  expectError,
  SAMPLE_UUID,
  samplePlan,
} from "../../../src/testing/index.js";
import { checkedLines, textsOf } from "../../support/checked-lines.js";
import { makeFolder } from "../support/state-folder.js";

describeJournal("FileJournal", async () => {
  const { path, dispose } = await makeFolder();
  const open = () => new FileJournal(join(path, "state"));
  return { journal: open(), reopened: open, dispose };
});

const beginning = (plan = samplePlan()): JournalBeginning => ({
  plan,
  token: "0123456789ab",
  found: [{ place: "/images/a", identity: "1@2" }],
});

const lineOf = (text: string) => checkedLines([text]);
/** What the lines of a file say. */
const textsIn = (file: string) => textsOf(readFileSync(file, "utf8"));
/** A line with the checksum that belongs to it behind those of a file. */
const nextLine = (file: string, text: string) =>
  checkedLines([...textsIn(file), text]).slice(readFileSync(file, "utf8").length);

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
    await journal.begin(beginning());
    await journal.started(SAMPLE_UUID, 0);
    await journal.made(SAMPLE_UUID, "/images/a.s", "3@4");
    await journal.finished(SAMPLE_UUID, 0);
    const lines = readFileSync(file, "utf8").split("\n");
    expect(lines[0]).to.match(/^[0-9a-f]{8} \{"domsnapJournal":3,"writer":"domsnap \d+\.\d+\.\d+/);
    expect(lines[0]).to.contain(`"domsnap ${VERSION}"`);
    expect(lines.join("\n")).to.equal(checkedLines(textsIn(file)));
    expect(lines.slice(1).map((line) => line.slice(9))).to.deep.equal([
      "started 0",
      'made {"place":"/images/a.s","identity":"3@4"}',
      "finished 0",
      "",
    ]);
    expect(statSync(file).mode & 0o777).to.equal(0o600);
  });

  it("reads past a last line that was cut off anywhere, and writes over it", async () => {
    await journal.begin(beginning());
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
      const next = nextLine(file, "finished 12");
      appendFileSync(file, next.slice(0, Math.max(0, size - whole - 1)));
    }
  });

  it("reads past a last line that was cut off within a character", async () => {
    await journal.begin(beginning());
    const whole = statSync(file).size;
    await journal.made(SAMPLE_UUID, "/images/ü€😀.s", "3@4");
    const end = statSync(file).size;
    for (let size = end - 1; size >= whole; size--) {
      truncateSync(file, size);
      expect((await journal.read(SAMPLE_UUID))?.made, `cut to ${size}`).to.deep.equal([]);
    }
    await journal.made(SAMPLE_UUID, "/images/ü€😀.s", "5@6");
    const made = [{ place: "/images/ü€😀.s", identity: "5@6" }];
    expect((await journal.read(SAMPLE_UUID))?.made).to.deep.equal(made);
  });

  it("does not begin with half a plan", async () => {
    mkdirSync(join(file, ".."));
    writeFileSync(`${file}.new`, lineOf('{"domsnapJournal":3,"own').trimEnd());
    expect(await journal.read(SAMPLE_UUID)).to.equal(undefined);
    await journal.begin(beginning());
    expect((await journal.read(SAMPLE_UUID))?.plan).to.deep.equal(samplePlan());
  });

  const unusable: Record<string, string> = {
    "no version": lineOf('{"owner":{},"plan":{"before":[],"after":[]}}'),
    "no plan": lineOf('{"domsnapJournal":3,"owner":{}}'),
    "no line end": lineOf('{"domsnapJournal":3').trimEnd(),
    "no JSON": "hello\n",
    "no JSON behind a checksum": lineOf("hello"),
    "no object": lineOf("null"),
    "no checksum": '{"domsnapJournal":3,"owner":{},"plan":{"before":[],"after":[]}}\n',
    nothing: "",
  };
  for (const [kind, content] of Object.entries(unusable))
    it(`refuses a file with ${kind}, and keeps it`, async () => {
      mkdirSync(join(file, ".."));
      writeFileSync(file, content);
      const error = await expectError(journal.read(SAMPLE_UUID), "recovery-failed");
      expect(error.effect).to.equal("partial");
      expect(error.message).to.contain(`'${file}'`);
      await expectError(journal.begin(beginning()), "internal-error");
      expect(readFileSync(file, "utf8")).to.equal(content);
    });

  for (const [version, content, told] of [
    [1, '{"domsnapJournal":1,"owner":{},"plan":{"operations":[],"commitAt":0}}\n', "version 1"],
    [
      2,
      lineOf('{"domsnapJournal":2,"writer":"domsnap 0.1.0","plan":{}}'),
      "version 2 (written by domsnap 0.1.0)",
    ],
    [
      4,
      lineOf('{"domsnapJournal":4,"writer":"domsnap 7.8.9","plan":{}}'),
      "version 4 (written by domsnap 7.8.9)",
    ],
    [
      5,
      '{"domsnapJournal":5,"writer":"domsnap 8.0.0","checksumsAre":"elsewhere"}\n',
      "version 5 (written by domsnap 8.0.0)",
    ],
  ] as const)
    it(`refuses a journal of version ${version}, and says whose it is`, async () => {
      mkdirSync(join(file, ".."));
      writeFileSync(file, content);
      const error = await expectError(journal.read(SAMPLE_UUID), "recovery-failed");
      expect(error.effect).to.equal("partial");
      expect(error.detail).to.equal(
        `the journal '${file}' cannot be used: its format is ${told}, and this domsnap knows 3`,
      );
      expect(error.hint).to.contain("the version of domsnap that was interrupted");
      expect(readFileSync(file, "utf8")).to.equal(content);
    });

  it("refuses a line in the middle that it did not write", async () => {
    await journal.begin(beginning());
    appendFileSync(file, "started 0\n");
    await journal.finished(SAMPLE_UUID, 0);
    await expectError(journal.read(SAMPLE_UUID), "recovery-failed", /its line 2 is damaged/);
  });

  for (const mark of [
    "started one",
    "started 3",
    "finished 3",
    "finished 9007199254740993",
    "started -1",
    "started 0x1",
    "started 1.0",
    "started",
    "undone 0",
    "made 0",
    'made {"place":"/images/a"}',
    'made {"place":"/images/a","identity":1}',
    'made {"place":"/images/a","identity":"1@2","by":"me"}',
    "made {",
    "",
  ])
    it(`refuses the mark '${mark}' of a plan of three operations`, async () => {
      await journal.begin(beginning());
      appendFileSync(file, nextLine(file, mark));
      await journal.finished(SAMPLE_UUID, 2);
      const error = await expectError(journal.read(SAMPLE_UUID), "recovery-failed");
      expect(error.effect).to.equal("partial");
      expect(error.detail).to.equal(
        `the journal '${file}' cannot be used: its line 2 is damaged, or one before it is missing`,
      );
      expect(error.hint).to.contain("--abandon");
    });

  it("refuses lines that are missing, doubled or in another order", async () => {
    await journal.begin(beginning());
    await journal.started(SAMPLE_UUID, 0);
    await journal.made(SAMPLE_UUID, "/images/a.s", "3@4");
    await journal.finished(SAMPLE_UUID, 0);
    await journal.started(SAMPLE_UUID, 1);
    const lines = readFileSync(file, "utf8").split(/(?<=\n)/);
    const expectRefused = async (wrong: readonly string[], line: number) => {
      writeFileSync(file, wrong.join(""));
      const told = new RegExp(`its line ${line} is damaged, or one before it is missing$`);
      await expectError(journal.read(SAMPLE_UUID), "recovery-failed", told);
    };
    for (let at = 0; at < lines.length - 1; at++) {
      await expectRefused(lines.toSpliced(at, 1), at + 1);
      await expectRefused(lines.toSpliced(at, 0, lines[at] ?? ""), at + 2);
      await expectRefused(lines.toSpliced(at, 2, lines[at + 1] ?? "", lines[at] ?? ""), at + 1);
    }
    writeFileSync(file, lines.join(""));
    expect((await journal.read(SAMPLE_UUID))?.started).to.deep.equal(new Set([0, 1]));
  });

  it("goes on from a first line that is longer than what is read at once", async () => {
    const warnings = ["x".repeat(300_000)];
    await journal.begin(beginning({ ...samplePlan(), warnings }));
    await journal.started(SAMPLE_UUID, 0);
    await journal.finished(SAMPLE_UUID, 0);
    const entry = await journal.read(SAMPLE_UUID);
    expect(entry?.plan.warnings).to.deep.equal(warnings);
    expect(entry?.finished).to.deep.equal(new Set([0]));
  });

  it("takes the commit of a plan without a second half for a mark, and nothing else", async () => {
    const [first] = samplePlan().before;
    const plan: Plan = { ...samplePlan(), before: first ? [first] : [], after: [] };
    await journal.begin(beginning(plan));
    await journal.started(SAMPLE_UUID, 1);
    expect((await journal.read(SAMPLE_UUID))?.started).to.deep.equal(new Set([1]));
    await journal.finished(SAMPLE_UUID, 1);
    await expectError(journal.read(SAMPLE_UUID), "recovery-failed", /its line 3 is damaged/);
    await journal.end(SAMPLE_UUID);
    await journal.begin(beginning(plan));
    await journal.started(SAMPLE_UUID, 2);
    await expectError(journal.read(SAMPLE_UUID), "recovery-failed", /its line 2 is damaged/);
  });

  describe("of one bit that flipped", () => {
    /** Few bytes, and each kind of line. */
    const small: Plan = {
      verb: "create",
      domain: { name: "g", uuid: SAMPLE_UUID },
      snapshot: "s",
      before: [{ kind: "domain.quiesce" }],
      after: [{ kind: "record.current", name: "s" }],
      warnings: [],
    };
    const expectRefused = async (whole: Buffer, at: number, bit: number) => {
      const flipped = Buffer.from(whole);
      flipped.writeUInt8(whole.readUInt8(at) ^ (1 << bit), at);
      writeFileSync(file, flipped);
      const error = await expectError(journal.read(SAMPLE_UUID), "recovery-failed");
      const line = whole.subarray(0, at).filter((byte) => byte === "\n".charCodeAt(0)).length + 1;
      expect(error.detail, `bit ${bit} of byte ${at}`).to.equal(
        `the journal '${file}' cannot be used: its line ${line} is damaged, or one before it is missing`,
      );
      expect(error.effect).to.equal("partial");
      expect(error.hint).to.contain("--abandon");
    };

    it("is refused in whatever byte it is, with the names of the file and the line", async () => {
      await journal.begin(beginning(small));
      await journal.started(SAMPLE_UUID, 0);
      await journal.made(SAMPLE_UUID, "/images/a.s", "3@4");
      await journal.finished(SAMPLE_UUID, 0);
      const whole = readFileSync(file);
      for (let at = 0; at < whole.length; at++) await expectRefused(whole, at, at % 8);
    });

    it("is refused in the last line end: the mark before it is no cut-off one", async () => {
      await journal.begin(beginning(small));
      for (let index = 0; index < 2; index++) {
        const whole = readFileSync(file);
        for (let bit = 0; bit < 8; bit++) await expectRefused(whole, whole.length - 1, bit);
        writeFileSync(file, whole);
        await journal.started(SAMPLE_UUID, index);
      }
    });
  });

  describe("with a checksum that is right", () => {
    type Json = Record<string, unknown>;
    /** Begins a plan and lets somebody change what the file says of it. */
    const rewritten = async (change: (head: Json, plan: Json) => void) => {
      await journal.begin(beginning());
      await journal.started(SAMPLE_UUID, 0);
      const [first = "", ...marks] = textsIn(file);
      const head = JSON.parse(first) as Json;
      change(head, head["plan"] as Json);
      writeFileSync(file, checkedLines([JSON.stringify(head), ...marks]));
    };
    const firstOf = (half: unknown) => {
      const [first = {}] = half as Json[];
      return first;
    };
    const stepOf = (half: unknown) => firstOf(firstOf(half)["disks"]);

    it("is read, when nothing was changed", async () => {
      await rewritten(() => undefined);
      expect((await journal.read(SAMPLE_UUID))?.plan).to.deep.equal(samplePlan());
    });

    const changes: Record<string, [path: string, change: (head: Json, plan: Json) => void]> = {
      "an operation of an unknown kind": [
        "plan.before.0.kind",
        (_head, plan) => (firstOf(plan["before"])["kind"] = "disks.polish"),
      ],
      "an operation in the wrong half": [
        "plan.before.0.kind",
        (_head, plan) => (plan["before"] = plan["after"]),
      ],
      "an operation that is undone in the half that is not": [
        "plan.after.0.kind",
        (_head, plan) => (plan["after"] = plan["before"]),
      ],
      "no first half": ["plan.before", (_head, plan) => delete plan["before"]],
      "no second half": ["plan.after", (_head, plan) => delete plan["after"]],
      "halves that are a list and a number": [
        "plan.before",
        (_head, plan) => {
          plan["operations"] = plan["before"];
          plan["commitAt"] = 1;
          delete plan["before"];
          delete plan["after"];
        },
      ],
      "a step of an unknown way of keeping": [
        "plan.before.0.disks.0.keeps",
        (_head, plan) => (stepOf(plan["before"])["keeps"] = "external"),
      ],
      "a step of another way of keeping": [
        "plan.before.0.disks.0.overlay",
        (_head, plan) => (stepOf(plan["before"])["keeps"] = "overlay"),
      ],
      "a field that no operation has": [
        "plan.before.0.force",
        (_head, plan) => (firstOf(plan["before"])["force"] = true),
      ],
      "a path that is relative": [
        "plan.before.0.disks.0.image.path",
        (_head, plan) => ((stepOf(plan["before"])["image"] as Json)["path"] = "images/a"),
      ],
      "a path with a NUL": [
        "plan.before.0.disks.0.image.path",
        (_head, plan) => ((stepOf(plan["before"])["image"] as Json)["path"] = "/images/a\0"),
      ],
      "a time that is no 64-bit number": [
        "plan.after.0.snapshot.creationTime",
        (_head, plan) => ((firstOf(plan["after"])["snapshot"] as Json)["creationTime"] = 12),
      ],
      "no plan": ["plan", (head) => delete head["plan"]],
      "a token that is a path": ["token", (head) => (head["token"] = "../../../abc")],
      "no token": ["token", (head) => delete head["token"]],
      "no evidence": ["found", (head) => delete head["found"]],
      "evidence without an identity": [
        "found.0.identity",
        (head) => (head["found"] = [{ place: "/images/a" }]),
      ],
      "no writer": ["writer", (head) => delete head["writer"]],
      "a field that no journal has": ["extra", (head) => (head["extra"] = 1)],
    };
    for (const [what, [path, change]] of Object.entries(changes))
      it(`refuses ${what}, and says where it is`, async () => {
        await rewritten(change);
        const content = readFileSync(file, "utf8");
        const error = await expectError(journal.read(SAMPLE_UUID), "recovery-failed");
        expect(error.effect).to.equal("partial");
        const start = `the journal '${file}' cannot be used: ${path}: expected `;
        expect(error.detail.slice(0, start.length)).to.equal(start);
        expect(error.hint).to.contain("--abandon");
        expect(readFileSync(file, "utf8")).to.equal(content);
      });

    for (const value of ['{"$bigint":"twelve"}', '{"$bigint":{}}', '{"$shared":7}', "{"])
      it(`refuses the value ${value} instead of a number`, async () => {
        await journal.begin(beginning());
        const [first = ""] = readFileSync(file, "utf8").split("\n");
        const changed = first.slice(9).replace(/\{"\$bigint":"[^"]*"\}/, value);
        expect(changed).to.contain(value);
        writeFileSync(file, lineOf(changed));
        await expectError(journal.read(SAMPLE_UUID), "recovery-failed", /cannot be used/);
      });
  });

  it("does not follow a link", async () => {
    mkdirSync(join(file, ".."));
    symlinkSync("/etc/passwd", file);
    await expectError(journal.read(SAMPLE_UUID), "recovery-failed");
    await expectError(journal.started(SAMPLE_UUID, 0), "system-error");
  });

  it("refuses a uuid that is a path", async () => {
    await expectError(journal.read("../x"), "invalid-argument");
    await expectError(journal.begin(beginning(samplePlan("../x"))), "invalid-argument");
  });
});
