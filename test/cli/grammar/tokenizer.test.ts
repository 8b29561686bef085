import { expect } from "chai";
import fc from "fast-check";
import { tokenizeText, tokenizeWords, type Token } from "../../../src/cli/grammar/tokenizer.js";

/** Commands as lists of words; empty commands left out. */
function commandsIn(tokens: Iterable<Token>): string[][] {
  const commands: string[][] = [[]];
  for (const token of tokens)
    if (token.kind === "end") commands.push([]);
    else commands.at(-1)?.push(token.text);
  return commands.filter((command) => command.length > 0);
}

describe("tokenizeText", () => {
  const samples: [text: string, commands: string[][]][] = [
    ["", []],
    ["  ; ;", []],
    ["a b\tc", [["a", "b", "c"]]],
    ["a;b ; c\nd", [["a"], ["b"], ["c"], ["d"]]],
    [`a "b c" 'd e'`, [["a", "b c", "d e"]]],
    [`a"b"c 'x\\y'`, [["abc", "x\\y"]]],
    [`"a\\"b\\c"`, [['a"bc']]],
    ["e\\ f", [["e f"]]],
    ["a\\\nb", [["ab"]]],
    ["a \\\n b", [["a", "b"]]],
    ["a#b #c ; d\ne", [["a#b"], ["e"]]],
    ["# only a comment", []],
    [`a ""`, [["a", ""]]],
    ["a 'not closed", [["a", "not closed"]]],
    [`"a;b" 'c\nd'`, [["a;b", "c\nd"]]],
  ];
  for (const [text, commands] of samples)
    it(JSON.stringify(text), () => {
      expect(commandsIn(tokenizeText(text))).to.deep.equal(commands);
    });

  it("tells of a double quote that is not closed, and of a backslash at the end", () => {
    expect(() => commandsIn(tokenizeText('a "b'))).to.throw('missing "');
    expect(() => commandsIn(tokenizeText("a\\"))).to.throw("dangling \\");
  });

  it("gives what stands before a mistake first", () => {
    const tokens = tokenizeText('first "');
    expect(tokens.next().value).to.deep.equal({ kind: "word", text: "first" });
    expect(() => tokens.next()).to.throw('missing "');
  });

  it("gives every word back that was protected by backslashes", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: "binary", minLength: 1 })), (words) => {
        // A line end can't be protected: after a backslash it joins lines.
        const plain = words.map((word) => word.replaceAll("\n", "n"));
        const text = plain.map((word) => word.replace(/[ \t;#'"\\]/g, "\\$&")).join(" ");
        expect(commandsIn(tokenizeText(text)).flat()).to.deep.equal(plain);
      }),
    );
  });
});

describe("tokenizeWords", () => {
  it("takes words as a shell gave them: one command, nothing quoted", () => {
    const words = ["a", ";", '"b', "#c", ""];
    expect(commandsIn(tokenizeWords(words))).to.deep.equal([words]);
  });
});
