import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { expect } from "chai";

const root = fileURLToPath(new URL("../..", import.meta.url));
const { exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  exports: Record<string, { types: string; default: string }>;
};

/** `./plugin` as `plugin`; the package itself is the library. */
function typeTestOf(entry: string): string {
  return join(root, "test/types", `${entry === "." ? "library" : entry.slice("./".length)}.ts`);
}

describe("the entries of the package", () => {
  for (const [entry, { types, default: code }] of Object.entries(exports))
    it(`have type tests against the sources of '${entry}'`, () => {
      const source = types.replace("./dist/", "src/").replace(".d.ts", ".ts");
      expect(code).to.equal(types.replace(".d.ts", ".js"));
      expect(existsSync(join(root, source)), source).to.equal(true);
      const imported = `import type * as api from "../../${source.replace(/\.ts$/, ".js")}";`;
      expect(readFileSync(typeTestOf(entry), "utf8")).to.include(imported);
    });
});
