import { expect } from "chai";
import type { CommandSpec } from "../../../src/cli/command-spec.js";
import { parseCommands } from "../../../src/cli/grammar/parse-commands.js";
import { tokenizeText } from "../../../src/cli/grammar/tokenizer.js";

const base = { group: "domsnap", summary: "", changes: false, run: () => ({ data: {} }) } as const;
const TABLE: readonly CommandSpec[] = [
  {
    ...base,
    name: "take",
    options: [
      { name: "domain", kind: "string", required: true, summary: "" },
      { name: "deep", kind: "bool", summary: "" },
      { name: "name", kind: "string", summary: "" },
      { name: "memory", kind: "string", literal: true, summary: "" },
      { name: "disk", kind: "argv", summary: "" },
    ],
  },
  { ...base, name: "xml check", options: [] },
];

function parseOne(text: string) {
  const [command] = parseCommands(tokenizeText(text), TABLE);
  if (command === undefined) throw new Error("no command");
  return command;
}

describe("parseCommands", () => {
  it("fills words into strings in their declared order, the rest into argv", () => {
    const { args } = parseOne("take vm --deep s1 vda vdb --disk vdc");
    expect(args.text("domain")).to.equal("vm");
    expect(args.text("name")).to.equal("s1");
    expect(args.has("deep")).to.equal(true);
    expect(args.list("disk")).to.deep.equal(["vda", "vdb", "vdc"]);
  });

  it("takes --option=value and --option value, and skips options already named", () => {
    const { args } = parseOne("take --name=s1 vm --memory /a vda");
    expect(args.text("domain")).to.equal("vm");
    expect(args.text("name")).to.equal("s1");
    expect(args.text("memory")).to.equal("/a");
    expect(args.list("disk")).to.deep.equal(["vda"]);
  });

  it("takes everything after -- as data, and a single dash always", () => {
    const { args } = parseOne("take -x -- --deep");
    expect(args.text("domain")).to.equal("-x");
    expect(args.text("name")).to.equal("--deep");
    expect(args.has("deep")).to.equal(false);
  });

  it("finds commands of two words", () => {
    expect(parseOne("xml check").spec.name).to.equal("xml check");
    expect(() => parseOne("xml chew")).to.throw("unknown command: 'xml chew'");
    expect(() => parseOne("xml")).to.throw("unknown command: 'xml'");
  });

  it("turns --help into a request for help, with or without the rest", () => {
    expect(parseOne("take --help").help).to.equal(true);
    expect(parseOne("take vm").help).to.equal(false);
  });

  it("refuses an empty value only where it is read", () => {
    const { args } = parseOne("take ''");
    expect(() => args.text("domain")).to.throw(
      "Failed to get option 'domain': Option argument is empty",
    );
  });

  const mistakes: [text: string, message: string][] = [
    ["nope", "unknown command: 'nope'"],
    ["take", "command 'take' requires <domain> option"],
    ["take --shallow", "command 'take' doesn't support option --shallow"],
    ["take vm --name", "expected syntax: --name <string>"],
    ["take vm --deep=1", "invalid '=' after option --deep"],
    ["take vm --name a --name b", "option --name already seen"],
    ["take vm --deep --deep", "option --deep already seen"],
    ["xml check x", "unexpected data 'x'"],
    ["take vm; nope", "unknown command: 'nope'"],
  ];
  for (const [text, message] of mistakes)
    it(`refuses ${text}`, () => {
      expect(() => parseCommands(tokenizeText(text), TABLE)).to.throw(message);
    });
});
