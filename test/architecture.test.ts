import { expect } from "chai";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";

const src = fileURLToPath(new URL("../src", import.meta.url));

/** Which rooms each room may import from; the longest matching prefix is the room of a file. */
const ROOMS: Readonly<Record<string, readonly string[]>> = {
  "core/model": [],
  "core/errors": [],
  "core/plan": ["core/model", "core/errors", "core/rules", "core/ports"],
  "core/ports": ["core/model", "core/errors", "core/plan", "core/rules"],
  "core/rules": ["core/model", "core/errors", "core/ports"],
  "core/execute": ["core/model", "core/errors", "core/ports", "core/plan"],
  "core/operations": ["core"],
  xml: ["core/model", "core/errors", "core/rules", "core/ports"],
  "plugins/lib": ["core/model", "core/errors", "core/ports", "core/plan", "core/rules", "xml"],
  plugins: [
    "core/model",
    "core/errors",
    "core/ports",
    "core/plan",
    "core/rules",
    "xml",
    "plugins/lib",
  ],
  cli: [
    "core/model",
    "core/errors",
    "core/operations",
    "core/execute",
    "core/plan",
    "core/rules",
    "core/ports",
    "xml",
    "plugins/lib",
  ],
  testing: ["core", "xml"],
};

/** Files at the top put the rooms together, and may import whatever they like. */
const TOP = new Set(["container.ts", "exchange-modules.ts", "index.ts", "plugin.ts", "xl.ts"]);

interface Import {
  readonly from: string;
  readonly to: string;
  readonly typeOnly: boolean;
}

function sourceFiles(): string[] {
  return readdirSync(src, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
    .map((entry) => relative(src, join(entry.parentPath, entry.name)));
}

function importsOf(file: string): Import[] {
  const text = readFileSync(join(src, file), "utf8");
  const pattern = /^(?:import|export)\s+(type\s)?[^;]*?from\s+"([^"]+)";|import\("([^"]+)"\)/gms;
  return [...text.matchAll(pattern)].map((match) => ({
    from: file,
    to: match[2] ?? match[3] ?? "",
    typeOnly: match[1] !== undefined,
  }));
}

function roomOf(file: string): string {
  const rooms = Object.keys(ROOMS).filter((room) => file.startsWith(room + sep));
  const [room] = rooms.sort((a, b) => b.length - a.length);
  if (room === undefined) throw new Error(`src/${file} is in no room`);
  // Each plugin is a room of its own: none may know another.
  return room === "plugins" ? file.split(sep).slice(0, 2).join("/") : room;
}

function mayImport(room: string, target: string): boolean {
  if (room === target) return true;
  const allowed = ROOMS[room] ?? ROOMS["plugins"] ?? [];
  return allowed.some((prefix) => target === prefix || target.startsWith(`${prefix}/`));
}

describe("the house", () => {
  const files = sourceFiles();
  const rooms = files.filter((file) => !TOP.has(file));

  it("has every source file in a room", () => {
    expect(files.length).to.be.greaterThan(50);
    for (const file of rooms) expect(roomOf(file)).to.be.a("string");
  });

  it("has no import against the arrows", () => {
    const wrong = rooms
      .flatMap(importsOf)
      .filter(({ to }) => to.startsWith("."))
      .map(({ from, to }) => ({
        from,
        to: normalize(join(dirname(from), to)).replace(/\.js$/, ".ts"),
      }))
      .filter(({ from, to }) => !TOP.has(to) && !mayImport(roomOf(from), roomOf(to)))
      .map(({ from, to }) => `${from} imports ${to}`);
    expect(wrong).to.deep.equal([]);
  });

  it("lets only the start of the command line know the container", () => {
    const users = rooms
      .flatMap(importsOf)
      .filter(({ from, to }) => TOP.has(normalize(join(dirname(from), to)).replace(/\.js$/, ".ts")))
      .map(({ from }) => from);
    expect([...new Set(users)]).to.deep.equal(["cli/main.ts"]);
  });

  it("keeps the core free of packages and of the host", () => {
    const outside = rooms
      .filter((file) => file.startsWith("core/"))
      .flatMap(importsOf)
      .filter(({ to }) => !to.startsWith("."))
      .map(({ from, to }) => `${from} imports ${to}`);
    expect(outside).to.deep.equal([]);
  });

  it("keeps the XML room free of the host", () => {
    const host = rooms
      .filter((file) => file.startsWith("xml/"))
      .flatMap(importsOf)
      .filter(({ to }) => to.startsWith("node:"))
      .map(({ from, to }) => `${from} imports ${to}`);
    expect(host).to.deep.equal([]);
  });
});
