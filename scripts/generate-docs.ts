// Writes the parts of the documents that are made from the sources: docs/errors.md, and the examples
// in docs/plugin-guide.md. A test tells when they are out of date.
//
//   node --import tsx scripts/generate-docs.ts
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { ERROR_CATALOGUE, type ErrorKind } from "../src/core/errors/index.js";

const root = new URL("..", import.meta.url);

/** Each generated page: its path below the project's folder, and the text that it should have. */
export function generatedPages(): ReadonlyMap<string, string> {
  return new Map([
    ["docs/errors.md", errorsPage()],
    ["docs/plugin-guide.md", withExamples(readText("docs/plugin-guide.md"))],
  ]);
}

export function readText(path: string): string {
  return readFileSync(new URL(path, root), "utf8");
}

function errorsPage(): string {
  const kinds: [string, ErrorKind][] = Object.entries(ERROR_CATALOGUE);
  return [
    "<!-- Made by scripts/generate-docs.ts from src/core/errors/catalogue.ts. -->",
    "",
    "# Errors",
    "",
    "Every failure has a code that stays the same from version to version. The command line prints",
    "the message as virsh does, then one line with the next step and the code; `domsnap explain CODE`",
    "tells what is below, and `--json` gives the code as data (see [JSON output](json-output.md)).",
    "",
    "Exit statuses: 0 success; 1 failed, nothing is left half done; 2 a part was done and the journal",
    "keeps the rest, which the next command on the domain settles; 130 interrupted and rolled back.",
    "",
    ...kinds.flatMap(errorSection),
  ].join("\n");
}

function errorSection([code, kind]: [string, ErrorKind]): string[] {
  const facts = [
    `exit status ${String(kind.exitStatus)}`,
    ...(kind.libvirtNumber === undefined ? [] : [`libvirt error ${String(kind.libvirtNumber)}`]),
    ...(kind.prefix === undefined ? [] : [`message begins with \`${kind.prefix}: \``]),
  ];
  return [`## ${code}`, "", kind.summary, kind.advice, "", `(${facts.join("; ")})`, ""];
}

/** A block of code of which the comment above it says the file. */
const EXAMPLE = /(?<=<!-- (test\/[\w/-]+\.ts) -->\n\n```ts\n)[^]*?(?=```\n)/g;

/** What the examples that are compiled with the sources import, and what an outside package does. */
const ENTRIES: Readonly<Record<string, string>> = {
  "../../src/plugin.js": "domsnap/plugin",
  "../../src/plugin-kit.js": "domsnap/plugin-kit",
  "../../src/testing/index.js": "domsnap/testing",
  "../../src/xml/index.js": "domsnap/xml",
};

/** The guide with the examples as tests run them, but imported as an outside package does. */
function withExamples(guide: string): string {
  return guide.replace(EXAMPLE, (_text, path: string) =>
    readText(path).replace(/(?<=from ")[^"]+(?=";)/g, (from) => ENTRIES[from] ?? from),
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  for (const [path, text] of generatedPages()) writeFileSync(new URL(path, root), text);
