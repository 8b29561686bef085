import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { expect } from "chai";

const root = fileURLToPath(new URL("../..", import.meta.url));

interface NamedTest {
  readonly file: string;
  readonly title: string;
}

/** The tests that a row names: "`FILE`: TITLE", several with a semicolon between them. */
function testsOf(row: string): NamedTest[] {
  const cell = row.split("|").at(-2) ?? "";
  const named = cell.matchAll(/`([^`]+)`: (.+?)(?=; `|\s*$)/g);
  return [...named].map(([, file = "", title = ""]) => ({ file, title }));
}

/** Rows of the tables of promises. */
function promises(): string[] {
  const rows: string[] = [];
  let isPromise = false;
  for (const line of readFileSync(join(root, "docs/formats.md"), "utf8").split("\n")) {
    if (!line.startsWith("|")) isPromise = false;
    else if (line === "| promise | test |") isPromise = true;
    else if (isPromise && !line.startsWith("| ---")) rows.push(line);
  }
  return rows;
}

/**
 * Whether a file has a test of this title. Titles may be put together: then what is put in has to
 * stand, word by word, in the tests of that folder.
 */
function exists({ file, title }: NamedTest): boolean {
  const path = join(root, "test", `${file}.test.ts`);
  if (!existsSync(path)) return false;
  const folder = readdirSync(dirname(path)).filter((name) => name.endsWith(".ts"));
  const text = folder.map((name) => readFileSync(join(dirname(path), name), "utf8")).join("\n");
  const titles = readFileSync(path, "utf8").matchAll(/\bit\(\s*(["'`])(.*?)\1,/gs);
  return [...titles].some(([, , pattern = ""]) => {
    const parts = pattern.split(/\$\{[^}]*\}/).map((part) => part.replace(/[^\w\s]/g, "\\$&"));
    const [found, ...putIn] = new RegExp(`^${parts.join("(.+)")}$`, "s").exec(title) ?? [];
    return found !== undefined && putIn.every((words) => hasWords(text, words));
  });
}

function hasWords(text: string, words: string): boolean {
  return words.split(" ").every((word) => text.includes(word));
}

describe("docs/formats.md", () => {
  it("names a test that exists behind each promise", () => {
    const rows = promises();
    expect(rows.length).to.be.greaterThan(30);
    for (const row of rows) {
      const tests = testsOf(row);
      expect(tests, row).not.to.deep.equal([]);
      expect(tests.filter((test) => !exists(test))).to.deep.equal([]);
    }
  });

  it("tells of every format that is kept in fixtures", () => {
    const page = readFileSync(join(root, "docs/formats.md"), "utf8");
    const rows = page.split("\n").filter((line) => line.startsWith("| ["));
    const newest = new Map<string, number>();
    for (const name of readdirSync(join(root, "fixtures/formats"))) {
      const [, format = "", version] = /^([a-z]+)-(\d+)$/.exec(name) ?? [];
      newest.set(format, Math.max(newest.get(format) ?? 0, Number(version)));
    }
    const versionOf = (format: string) =>
      rows
        .find((row) => row.startsWith(`| [${format}]`))
        ?.split("|")[3]
        ?.trim();
    expect(versionOf("record")).to.equal(String(newest.get("state")));
    expect(versionOf("journal")).to.equal(String(newest.get("journal")));
    expect(versionOf("bundle")).to.equal(String(newest.get("bundle")));
  });
});
