import { fileURLToPath } from "node:url";

import { expect } from "chai";
import ts from "typescript";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** What authors of plugins are given, by the file that package.json exports. */
const ENTRIES = ["src/plugin.ts", "src/plugin-kit.ts", "src/testing/index.ts"];

/** Names that an entry exports without a word on what they are. */
function undocumented(program: ts.Program, entry: string): string[] {
  const checker = program.getTypeChecker();
  const file = program.getSourceFile(`${root}${entry}`);
  const module = file && checker.getSymbolAtLocation(file);
  if (!module) throw new Error(`${entry} is no module`);
  return checker
    .getExportsOfModule(module)
    .map((symbol) =>
      symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol,
    )
    .filter((symbol) => symbol.getDocumentationComment(checker).length === 0)
    .map(({ name }) => name)
    .sort();
}

describe("documentation comments", function () {
  this.timeout(120_000);
  const { config } = ts.readConfigFile(`${root}tsconfig.json`, (path) => ts.sys.readFile(path)) as {
    config: { compilerOptions: object };
  };
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, root);
  let program: ts.Program;
  before(() => {
    program = ts.createProgram(
      ENTRIES.map((entry) => root + entry),
      options,
    );
  });

  for (const entry of ENTRIES)
    it(`are on everything that ${entry} exports`, () => {
      expect(undocumented(program, entry)).to.deep.equal([]);
    });
});
