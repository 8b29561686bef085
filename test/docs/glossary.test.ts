import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { expect } from "chai";

const root = fileURLToPath(new URL("../..", import.meta.url));
const PAGE = "docs/glossary.md";
const FOLDERS = ["src", "test", "bench", "scripts", "bin", "docs", "."];

/** The first column of the page's last table. */
function unusedPhrases(): string[] {
  const table = readFileSync(join(root, PAGE), "utf8").split("## Words that are not used")[1] ?? "";
  const rows = table.split("\n").filter((line) => /^\| (?!-|not )/.test(line));
  return rows.flatMap((row) => (row.split("|")[1] ?? "").split(",").map((word) => word.trim()));
}

/** Finds a phrase across lines of a comment, and written together as in a name. */
function finderOf(phrase: string): RegExp {
  return new RegExp(phrase.split(" ").join(String.raw`[\s*/>]*`), "gi");
}

function sources(): string[] {
  const found = FOLDERS.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: folder !== ".", encoding: "utf8" }).map((file) =>
      join(folder, file),
    ),
  );
  return found.filter((file) => /\.(ts|mjs|cjs|md)$/.test(file) && file !== PAGE);
}

function usesOf(phrase: string, text: string): number[] {
  const places = [...text.matchAll(finderOf(phrase))].map(({ index }) => index);
  return places.map((index) => text.slice(0, index).split("\n").length);
}

describe("the glossary's words that are not used", () => {
  const phrases = unusedPhrases();

  it("would be found where lines break and in names", () => {
    expect(phrases).to.include("stand still");
    expect(usesOf("stand still", "a\n * may stand\n * still; awaitStandstill")).to.deep.equal([
      2, 3,
    ]);
  });

  for (const phrase of phrases)
    it(`do not have '${phrase}' anywhere`, () => {
      const found = sources().flatMap((file) =>
        file.endsWith("glossary.test.ts")
          ? []
          : usesOf(phrase, readFileSync(join(root, file), "utf8")).map((line) => `${file}:${line}`),
      );
      expect(found).to.deep.equal([]);
    });
});
