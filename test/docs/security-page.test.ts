import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { expect } from "chai";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** What stands in the last column of the page's table, in backquotes. */
function namedTests(): string[] {
  const rows = readFileSync(join(root, "SECURITY.md"), "utf8")
    .split("\n")
    .filter((line) => /^\| (?!-|Attack)/.test(line));
  return rows.flatMap((row) => {
    const names = [...(row.split("|").at(-2) ?? "").matchAll(/`([^`]+)`/g)].map(([, name]) => name);
    expect(names, row).not.to.deep.equal([]);
    return names.map((name = "") => name);
  });
}

function exists(name: string): boolean {
  const script = /^npm run (\S+)$/.exec(name)?.[1];
  if (script === undefined)
    return existsSync(join(root, `test/${name}.test.ts`)) || existsSync(join(root, "test", name));
  const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    scripts: Record<string, string>;
  };
  return script in scripts;
}

describe("SECURITY.md", () => {
  it("names tests that exist behind each line", () => {
    const names = namedTests();
    expect(names.length).to.be.greaterThan(20);
    expect(names.filter((name) => !exists(name))).to.deep.equal([]);
  });
});
