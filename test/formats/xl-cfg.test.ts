import { expect } from "chai";
import fc from "fast-check";

import { DomsnapError } from "../../src/core/errors/index.js";
import {
  editXlCfg,
  formatXlCfg,
  parseXlCfg,
  xlList,
  xlNumber,
  xlText,
  type XlValue,
} from "../../src/formats/xl-cfg/index.js";
import { valueOfNode } from "../../src/formats/xl-cfg/xl-value.js";

/** What xl's own reader (4.17) makes of these texts. */
const ACCEPTED: readonly (readonly [text: string, name: string, value: XlValue])[] = [
  ["a=1", "a", "1"],
  ['a = "x"; b = 2', "a", "x"],
  ['a = "x"; b = 2', "b", "2"],
  ["a.b_c9=1", "a.b_c9", "1"],
  ["a=10abc", "a", "10abc"],
  ["a='it\\'s \\\"dq\\\"'", "a", 'it\'s "dq"'],
  ['a="tab\\tnl\\nq\\"b\\\\e"', "a", 'tab\tnl\nq"b\\e'],
  ['a="bell\\a\\b\\f\\r\\v"', "a", "bell\x07\b\f\r\v"],
  ['a="oct\\101z"', "a", "octz"],
  ['a="oct\\0101z"', "a", "octz"],
  ['b="x#y"', "b", "x#y"],
  ["a=1 # c\n", "a", "1"],
  ["a=[]", "a", []],
  ["a=[\n\n]", "a", []],
  ['a=["x"\n,"y"]', "a", ["x", "y"]],
  ['a=[ 1, "b", [ 2, "c" ], ]', "a", ["1", "b", ["2", "c"]]],
  ["a=1\na=2", "a", "2"],
  ['a="x"\na+="y"', "a", "xy"],
  ['a=["x"]\na+=["y"]', "a", ["x", "y"]],
  ["a+=1", "a", "1"],
  [";;;a=1;\n;", "a", "1"],
  ['a="gr\u00fc\u00df \u96ea"', "a", "gr\u00fc\u00df \u96ea"],
  ["a=99999999999999999999", "a", "99999999999999999999"],
];

const REFUSED: readonly (readonly [text: string, mistakes: number])[] = [
  ...["A=1", "_a=1", "a-b=1", "a=0x1F", "a=foo", "a=True", 'a="bad\\q"', 'a="hex\\x41z"'].map(
    (text) => [text, 1] as const,
  ),
  ['a="oct\\7z"', 1],
  ['a="x" b=2', 1],
  ["a=1\r\n", 1],
  ['a="x\ny"', 2],
  ['a="x\\\ny"', 2],
  ["a=1 # c", 1],
  ["# c", 1],
  ['a=[ "x" "y" ]', 1],
  ["a=[,]", 1],
  ['a=["x",,"y"]', 1],
  ['a=["x"', 1],
  ['a="x"\na+=["y"]', 1],
  ["\uFEFFa=1", 1],
  ['type="internal"/"external"', 1],
  ["a=-1", 1],
  ["a=1.5", 1],
];

describe("xl's configuration language", () => {
  for (const [text, name, value] of ACCEPTED)
    it(`reads ${JSON.stringify(text)}`, () => {
      expect(parseXlCfg(text).settings.get(name)?.value).to.deep.equal(value);
    });

  for (const [text, mistakes] of REFUSED)
    it(`refuses ${JSON.stringify(text)}`, () => {
      expect(mistakesIn(text)).to.have.length(mistakes);
    });

  it("takes an empty text", () => {
    expect(parseXlCfg("").settings.size).to.equal(0);
  });

  it("reads numbers as C does", () => {
    const numberIn = (text: string) => xlNumber(parseXlCfg(text), "a");
    expect(numberIn("a=010")).to.equal(8n);
    expect(numberIn('a="0x1F"')).to.equal(31n);
    expect(numberIn('a="-7"')).to.equal(-7n);
    expect(numberIn("a=0")).to.equal(0n);
    for (const text of ["a=10abc", "a+=1", "a=99999999999999999999", "a=[1]", 'a=""', "b=1"])
      expect(numberIn(text), text).to.equal(undefined);
  });

  it("keeps texts and lists apart", () => {
    const config = parseXlCfg('a="x"\nb=["y"]');
    expect(xlText(config, "a")).to.equal("x");
    expect(xlList(config, "a")).to.equal(undefined);
    expect(xlText(config, "b")).to.equal(undefined);
    expect(xlList(config, "b")).to.deep.equal(["y"]);
  });

  it("tells every mistake with its line, in xl's words", () => {
    expect(mistakesIn("a=1\nB=2\nc=3\nd=foo\n", "vm.cfg")).to.deep.equal([
      "vm.cfg:2: config parsing error near `B=2': lexical error",
      "vm.cfg:4: config parsing error near `foo': syntax error",
    ]);
  });

  it("reads back what it writes", () => {
    const texts = fc.string({ unit: "grapheme" }).filter((text) => !UNWRITABLE.test(text));
    const values = fc.letrec<{ value: XlValue }>((tie) => ({
      value: fc.oneof({ depthSize: "small" }, texts, fc.array(tie("value"), { maxLength: 4 })),
    })).value;
    fc.assert(
      fc.property(values, (value) => {
        const read = parseXlCfg(formatXlCfg({ a: value, b: undefined, c: "end" }));
        expect(read.settings.get("a")?.value).to.deep.equal(value);
        expect(read.settings.has("b")).to.equal(false);
        expect(xlText(read, "c")).to.equal("end");
      }),
    );
    expect(() => formatXlCfg({ a: "\x01" })).to.throw(DomsnapError, "control character 0x01");
  });
});

describe("editing an xl configuration", () => {
  const VM = `# My guest
name = "vm1"  # do not rename
memory=512; vcpus = 2
disk = [
  "/a.img,raw,xvda",   # system
  'phy:/dev/vg/b,xvdb,w',
]
future.key = [ 1, [ "x" ] ]
`;

  it("changes one item of a list and nothing else", () => {
    const edited = editXlCfg(VM, {
      disk: ["format=qcow2,vdev=xvda,target=/b", "phy:/dev/vg/b,xvdb,w"],
    });
    expect(edited).to.equal(VM.replace('"/a.img,raw,xvda"', '"format=qcow2,vdev=xvda,target=/b"'));
  });

  it("adds and drops items, names, and whole settings", () => {
    const disks = ["/a.img,raw,xvda", "phy:/dev/vg/b,xvdb,w"];
    expect(editXlCfg(VM, { disk: [...disks, "/c,,xvdc"] })).to.equal(
      VM.replace("xvdb,w'", 'xvdb,w\', "/c,,xvdc"'),
    );
    expect(editXlCfg(VM, { disk: disks.slice(0, 1) })).to.include('"/a.img,raw,xvda",\n]');
    expect(editXlCfg(VM, { vcpus: "4", new: "x" })).to.equal(
      `${VM.replace("vcpus = 2", 'vcpus = "4"')}new = "x"\n`,
    );
    expect(editXlCfg(VM, { name: undefined })).to.include("# do not rename");
    expect(editXlCfg(VM, { "future.key": undefined })).to.equal(
      VM.replace('future.key = [ 1, [ "x" ] ]\n', ""),
    );
  });

  it("makes the last assignment of a repeated or added-to name decide", () => {
    expect(xlText(parseXlCfg(editXlCfg("a=1\na=2\n", { a: "3" })), "a")).to.equal("3");
    expect(editXlCfg('a="x"\na+="y"\n', { a: "z" })).to.equal('a="x"\na = "z"\n');
    expect(editXlCfg("a=1\na=2\n", { a: undefined })).to.equal("");
  });

  it("gives the wanted value and keeps all others, whatever is there", () => {
    const item = fc.oneof(fc.constantFrom("x", "y"), fc.array(fc.constantFrom("p", "q")));
    const value = fc.oneof(fc.constantFrom("1", "2"), fc.array(item, { maxLength: 4 }));
    fc.assert(
      fc.property(value, fc.option(value, { nil: undefined }), value, (before, after, other) => {
        const text = `# top\n${formatXlCfg({ a: before, b: other })}# end\n`;
        const edited = editXlCfg(text, { a: after });
        const { settings, assignments } = parseXlCfg(edited);
        expect(settings.get("a")?.value).to.deep.equal(after);
        expect(settings.get("b")?.value).to.deep.equal(other);
        expect(
          assignments.filter(({ name }) => name === "b").map(({ node }) => valueOfNode(node)),
        ).to.deep.equal([other]);
        expect(edited)
          .to.match(/^# top\n/)
          .and.match(/# end\n/);
        expect(editXlCfg(edited, { a: after })).to.equal(edited);
      }),
    );
  });
});

// eslint-disable-next-line no-control-regex -- they are what it looks for
const UNWRITABLE = /[\x00-\x06\x0e-\x1f]/;

function mistakesIn(text: string, fileName?: string): string[] {
  try {
    parseXlCfg(text, fileName);
  } catch (thrown) {
    expect(thrown).to.be.instanceOf(DomsnapError);
    return (thrown as DomsnapError).detail.split("\n");
  }
  throw new Error(`${text} was accepted`);
}
