import { expect } from "chai";
import fc from "fast-check";
import { displayText, terminalText } from "../../../src/cli/render/display-text.js";
import { formatInfo } from "../../../src/cli/render/info.js";
import { changeJson, formatJson } from "../../../src/cli/render/json.js";
import { snapshotTrees, sortByName } from "../../../src/cli/render/snapshot-rows.js";
import { formatTable } from "../../../src/cli/render/table.js";
import { formatTime } from "../../../src/cli/render/time.js";
import { formatTree } from "../../../src/cli/render/tree.js";
import { head } from "../stub-service.js";

const CONTROLS = /[\p{Cc}\u202a-\u202e\u2066-\u2069]/u;

describe("displayText", () => {
  const samples: [value: string, text: string, width: number][] = [
    ["abc", "abc", 3],
    ["日本", "日本", 4],
    ["é", "é", 1],
    ["e\u0301", "e\u0301", 1],
    ["a\u200bb", "a\u200bb", 2],
    ["😀", "😀", 2],
    ["a\tb", "a\\x09b", 6],
    ["\u001b[31m", "\\x1b[31m", 8],
    ["\\x1b", "\\x5cx1b", 7],
    ["\\y", "\\y", 2],
    ["\u009b", "\\xc2\\x9b", 8],
    ["\u202e", "\\xe2\\x80\\xae", 12],
  ];
  for (const [value, text, width] of samples)
    it(JSON.stringify(value), () => {
      expect(displayText(value)).to.deep.equal({ text, width });
    });

  it("never lets a control character through", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (value) => {
        expect(displayText(value).text).not.to.match(CONTROLS);
        expect(terminalText(value).replace(/[\n\t]/g, "")).not.to.match(CONTROLS);
      }),
    );
  });
});

describe("formatTable", () => {
  it("pads as virsh does, and leaves blanks behind an empty last cell", () => {
    const rows = [
      ["ext1", "disk-snapshot", "run1"],
      ["日本", "running", ""],
    ];
    expect(formatTable(["Name", "State", "Parent"], rows)).to.equal(
      [
        " Name   State           Parent",
        "--------------------------------",
        " ext1   disk-snapshot   run1",
        " 日本   running         ",
        "",
      ].join("\n"),
    );
  });

  it("has a header and a rule without rows, and nothing at all without a header", () => {
    expect(formatTable(["Name", "State"], [])).to.equal(" Name   State\n---------------\n");
    expect(formatTable(undefined, [])).to.equal("");
  });
});

describe("formatTree", () => {
  it("draws the tree that virsh was seen to draw, trailing blanks included", () => {
    const heads = [
      head("b", { parent: "root1" }),
      head("Cc", { parent: "b" }),
      head("d", { parent: "b" }),
      head("e", { parent: "d" }),
      head("f", { parent: "root1" }),
      head("root1"),
      head("z"),
    ];
    expect(formatTree(snapshotTrees(heads, new Set()))).to.equal(
      [
        "root1",
        "  |",
        "  +- b",
        "  |   |",
        "  |   +- Cc",
        "  |   +- d",
        "  |       |",
        "  |       +- e",
        "  |         ",
        "  +- f",
        "    ",
        "z",
        "",
        "",
      ].join("\n"),
    );
  });

  it("shows an orphan as a root that tells of its lost parent", () => {
    const heads = [head("lost", { parent: "go\u001bne" }), head("child", { parent: "lost" })];
    expect(formatTree(snapshotTrees(heads, new Set(["lost"])))).to.equal(
      "lost (parent 'go\\x1bne' is missing)\n  |\n  +- child\n    \n",
    );
  });

  it("draws a chain deeper than the call stack", () => {
    const heads = Array.from({ length: 5_000 }, (_, n) =>
      head(`s${n}`, n === 0 ? {} : { parent: `s${n - 1}` }),
    );
    expect(formatTree(snapshotTrees(heads, new Set()))).to.include("+- s4999\n");
  });
});

describe("sortByName", () => {
  it("sorts without regard to case, like names by bytes", () => {
    const names = ["b", "C", "a", "B", "é", "Z"];
    expect(sortByName(names.map((name) => head(name))).map(({ name }) => name)).to.deep.equal([
      "a",
      "B",
      "b",
      "C",
      "Z",
      "é",
    ]);
  });
});

describe("formatTime", () => {
  const zone = process.env["TZ"];
  afterEach(() => {
    if (zone === undefined) delete process.env["TZ"];
    else process.env["TZ"] = zone;
  });

  it("is local, with the offset of the moment", () => {
    process.env["TZ"] = "America/St_Johns";
    expect(formatTime(1_700_000_000n)).to.equal("2023-11-14 18:43:20 -0330");
    expect(formatTime(1_720_000_000n)).to.equal("2024-07-03 07:16:40 -0230");
    process.env["TZ"] = "Asia/Kolkata";
    expect(formatTime(-5n)).to.equal("1970-01-01 05:29:55 +0530");
  });

  it("has a text for what no calendar holds", () => {
    expect(formatTime(0n)).to.equal("-");
    expect(formatTime(253_402_300_800n)).to.equal("@253402300800");
    expect(formatTime(-(2n ** 63n))).to.equal("@-9223372036854775808");
  });
});

describe("formatInfo", () => {
  it("pads labels to 15 columns and escapes values", () => {
    expect(
      formatInfo([
        ["Name", "a\u0007b"],
        ["Descendants", "0"],
      ]),
    ).to.equal("Name:           a\\x07b\nDescendants:    0\n");
  });
});

describe("formatJson", () => {
  it("keeps every digit of a bigint", () => {
    expect(JSON.parse(formatJson({ a: 5n, b: 2n ** 63n - 1n }))).to.deep.equal({
      a: 5,
      b: "9223372036854775807",
    });
  });

  it("tells times to the microsecond", () => {
    const measures = { downtimeMs: 607.1947019999999, bytesWritten: 3 };
    const result = { domain: { name: "a", uuid: "b" }, plans: [], executed: true, warnings: [] };
    const { measures: told } = JSON.parse(formatJson(changeJson({ ...result, measures }))) as {
      measures: unknown;
    };
    expect(told).to.deep.equal({ downtimeMs: 607.195, bytesWritten: 3 });
  });

  it("holds no character that a terminal obeys, and reads back as the same text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (value) => {
        const text = formatJson({ value });
        expect(text.replaceAll("\n", "")).not.to.match(CONTROLS);
        expect((JSON.parse(text) as { value: string }).value).to.equal(value);
      }),
    );
  });
});
