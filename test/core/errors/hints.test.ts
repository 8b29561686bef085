import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { expect } from "chai";
import ts from "typescript";

import { hintTexts, PASSED_ON, type HintText } from "./support/hint-texts.js";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const sources = join(root, "src");

/** How next steps begin. "For" is followed by the disks that one is for. */
const VERBS: ReadonlySet<string> = new Set(
  `Add Ask Begin Bind Bring Change Check Choose Compare Connect Convert Copy Correct Define Delete End
  Export Find For Free Give Go Import Install Keep Leave Let Look Make Mend Move Name Put Read Record
  Redefine Remove Rename Repair Repeat Restore Resume Run Say Set Shorten Shut Start Stop Take Thaw
  Try Unset Use Wait Write`.split(/\s+/),
);

const { options } = ts.parseJsonConfigFileContent(
  ts.readConfigFile(join(root, "tsconfig.json"), (file) => ts.sys.readFile(file)).config,
  ts.sys,
  root,
);

function programOf(files: readonly string[], host?: ts.CompilerHost): ts.Program {
  return ts.createProgram(files, { ...options, noEmit: true }, host);
}

/** A program of one file that does not exist. */
function programOfText(text: string): ts.Program {
  const path = "/src/made-up.ts";
  const host = ts.createCompilerHost(options);
  const made = ts.createSourceFile(path, text, ts.ScriptTarget.ES2022);
  const others = host.getSourceFile.bind(host);
  host.getSourceFile = (file, ...rest) => (file === path ? made : others(file, ...rest));
  return programOf([path], host);
}

function faultsOf(texts: readonly HintText[]): string[] {
  return texts.flatMap(({ place, head, tail }) => {
    const [first = ""] = /^[^\s,]*/.exec(head) ?? [];
    if (head !== PASSED_ON && !VERBS.has(first))
      return [`${place}: begins with '${first}', which is no verb that tells a step`];
    if (tail !== PASSED_ON && !tail.endsWith("."))
      return [`${place}: ends with '${tail.slice(-20)}', and no full stop`];
    return [];
  });
}

describe("hints", () => {
  const files = ts.sys.readDirectory(sources, [".ts"]);
  const { texts, hidden } = hintTexts(programOf(files), (file) => file.startsWith(`${sources}/`));

  it("can be read in the source, wherever they are put together", () => {
    expect(hidden.map(({ place, source }) => `${place}: ${source}`)).to.deep.equal([]);
    expect(texts.length).to.be.greaterThan(250);
  });

  it("are sentences that begin with the next step and end with a full stop", () => {
    expect(faultsOf(texts)).to.deep.equal([]);
  });

  it("would be found in every way to give one", () => {
    const found = hintTexts(
      programOfText(`
        declare function refuse(reason: string, remedy: string): void;
        declare const names: readonly string[], yes: boolean, word: () => string;
        const hint = "Shut it down";
        const TABLE = { one: "shut it down." };
        function adviceOf(path: string): string {
          return yes ? \`\${path}: wrong.\` : "Run it.";
        }
        export const given = [
          { hint },
          { hint: yes ? "Use it." : \`use \${names[0]}.\` },
          { remedy: "Use one of: " + names.join(", ") },
          { advice: TABLE["one"] },
          refuse("no", "it is off."),
        ];
        export function fail({ hint }: { hint: string }, advice = "no way.") {
          return [{ hint }, { advice: \`\${hint} then go on\` }, { advice: adviceOf("/p") }];
        }
        export const hiding = { hint: word() };
      `),
      (file) => file === "/src/made-up.ts",
    );
    expect(
      faultsOf(found.texts).map((fault) => Number(/:(\d+):/.exec(fault)?.[1])),
    ).to.have.members([4, 5, 11, 14, 16, 17]);
    expect(found.hidden.map(({ source }) => source)).to.have.members([
      `names.join(", ")`,
      "path",
      "word()",
    ]);
  });
});
