import { expect } from "chai";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";

const src = fileURLToPath(new URL("../src", import.meta.url));

interface Room {
  /** Rooms that it may import from; a folder stands for all rooms below it. */
  readonly imports: readonly string[];
  /** Rooms of which it may import types only. */
  readonly types?: readonly string[];
}

const MODEL = ["core/model", "core/errors"];
const HOUSE = [
  ...MODEL,
  "core/ports",
  "xml",
  "host",
  "formats",
  "clients",
  "qemu-images",
  "xl-snapshot",
  "plugin-kit",
];
const VERB: Room = {
  imports: [...MODEL, "core/plan", "core/rules", "core/execute", "core/operations/shared"],
  types: ["core/ports"],
};

/** Each plugin is a room of its own: none may know another. */
const PLUGIN: Room = { imports: [...HOUSE, "core/rules", "core/plan"] };

/** Each room with its arrows; the longest matching prefix is the room of a file. */
const ROOMS: Readonly<Record<string, Room>> = {
  "core/model": { imports: [] },
  "core/errors": { imports: [] },
  "core/ports": { imports: [], types: MODEL },
  "core/rules": { imports: MODEL, types: ["core/ports"] },
  "core/plan": { imports: [...MODEL, "core/rules"], types: ["core/ports"] },
  "core/execute": { imports: [...MODEL, "core/plan"], types: ["core/ports"] },
  "core/operations/shared": VERB,
  "core/operations/create": VERB,
  "core/operations/revert": VERB,
  "core/operations/delete": VERB,
  "core/operations/exchange": VERB,
  "core/operations/check": VERB,
  "core/operations/domain": VERB,
  "core/operations/look": VERB,
  "core/operations": { imports: ["core"] },
  xml: { imports: [...MODEL, "core/rules"], types: ["core/ports"] },
  host: { imports: MODEL, types: ["core/ports"] },
  formats: { imports: [...MODEL, "host"], types: ["core/ports"] },
  clients: { imports: [...MODEL, "host", "formats"], types: ["core/ports"] },
  "qemu-images": {
    imports: [...MODEL, "xml", "host", "formats", "clients"],
    types: ["core/ports"],
  },
  "xl-snapshot": {
    imports: [...MODEL, "core/rules", "core/plan", "xml", "formats", "plugin-kit"],
    types: ["core/ports"],
  },
  "plugin-kit": { imports: [...MODEL, "xml", "host"], types: ["core/ports"] },
  plugins: PLUGIN,
  config: { imports: [...MODEL, "host"] },
  "plugin-loader": { imports: [...MODEL, "core/ports", "host"] },
  cli: {
    imports: [
      ...MODEL,
      "core/operations",
      "core/rules",
      "xml",
      "host",
      "xl-snapshot",
      "config",
      "plugin-loader",
      "daemon",
    ],
    types: ["core/execute", "core/plan", "core/ports"],
  },
  rpc: { imports: [] },
  daemon: {
    imports: [...MODEL, "core/operations", "xml", "host", "rpc"],
    types: ["core/execute"],
  },
  testing: { imports: [...MODEL, "core/ports", "xml", "core/plan", "host"] },
};

/** The public conversions know the backends by what they offer, and nothing else of the plugins. */
const PURE_TOP = "xl.ts";
/** Files at the top put the rooms together, and may import whatever they like. */
const TOP = new Set([
  "container.ts",
  "exchange-modules.ts",
  "index.ts",
  "plugin-kit.ts",
  "plugin.ts",
  "xl.ts",
]);

interface Import {
  readonly from: string;
  readonly to: string;
  readonly typeOnly: boolean;
  /** By `import()`, when it is needed. */
  readonly later: boolean;
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
    later: match[3] !== undefined,
  }));
}

/** The source file that an import of another names. */
function fileOf(from: string, to: string): string {
  return normalize(join(dirname(from), to)).replace(/\.js$/, ".ts");
}

function roomOf(file: string): string {
  const rooms = Object.keys(ROOMS).filter((room) => file.startsWith(room + sep));
  const [room] = rooms.sort((a, b) => b.length - a.length);
  if (room === undefined) throw new Error(`src/${file} is in no room`);
  // Each plugin is a room of its own: none may know another.
  return room === "plugins" ? file.split(sep).slice(0, 2).join("/") : room;
}

function mayImport(room: string, target: string, typeOnly: boolean): boolean {
  if (room === target) return true;
  const { imports, types = [] } = ROOMS[room] ?? PLUGIN;
  const allowed = typeOnly ? [...imports, ...types] : imports;
  return allowed.some((prefix) => target === prefix || target.startsWith(`${prefix}/`));
}

/** Rooms or files from which arrows lead back to themselves. */
function circlesOf(arrows: ReadonlyMap<string, ReadonlySet<string>>): string[] {
  const reachable = (from: string): Set<string> => {
    const seen = new Set<string>();
    const ahead = [from];
    for (let at = ahead.pop(); at !== undefined; at = ahead.pop())
      for (const next of arrows.get(at) ?? [])
        if (!seen.has(next)) {
          seen.add(next);
          ahead.push(next);
        }
    return seen;
  };
  return [...arrows.keys()].filter((start) => reachable(start).has(start));
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
      .map(({ from, to, typeOnly }) => ({ from, to: fileOf(from, to), typeOnly }))
      .filter(
        ({ from, to, typeOnly }) => !TOP.has(to) && !mayImport(roomOf(from), roomOf(to), typeOnly),
      )
      .map(({ from, to }) => `${from} imports ${to}`);
    expect(wrong).to.deep.equal([]);
  });

  it("has no circle of rooms, not even one of types", () => {
    const arrows = new Map<string, Set<string>>();
    for (const { from, to } of rooms.flatMap(importsOf)) {
      if (!to.startsWith(".") || TOP.has(fileOf(from, to))) continue;
      const [room, target] = [roomOf(from), roomOf(fileOf(from, to))];
      if (room !== target) arrows.set(room, (arrows.get(room) ?? new Set()).add(target));
    }
    expect(circlesOf(arrows)).to.deep.equal([]);
  });

  it("has no circle of files, not even one of types", () => {
    const arrows = new Map<string, Set<string>>();
    for (const { from, to } of files.flatMap(importsOf))
      if (to.startsWith("."))
        arrows.set(from, (arrows.get(from) ?? new Set()).add(fileOf(from, to)));
    expect(circlesOf(arrows)).to.deep.equal([]);
  });

  it("lets only the start of the command line know the container", () => {
    const users = rooms
      .flatMap(importsOf)
      .filter(({ from, to }) => TOP.has(fileOf(from, to)) && fileOf(from, to) !== PURE_TOP)
      .map(({ from }) => from);
    expect([...new Set(users)]).to.deep.equal(["cli/main.ts"]);
  });

  it("starts the command line without the daemon and the protocol", () => {
    const atStart = new Set<string>();
    const ahead = ["cli/main.ts", "container.ts"];
    for (let file = ahead.pop(); file !== undefined; file = ahead.pop()) {
      if (atStart.has(file)) continue;
      atStart.add(file);
      for (const { from, to, typeOnly, later } of importsOf(file))
        if (to.startsWith(".") && !typeOnly && !later) ahead.push(fileOf(from, to));
    }
    expect(atStart.size).to.be.greaterThan(50);
    expect([...atStart].filter((file) => /^(rpc|daemon)\//.test(file))).to.deep.equal([]);
  });

  it("keeps the core free of packages and of the host", () => {
    const outside = rooms
      .filter((file) => file.startsWith("core/"))
      .flatMap(importsOf)
      .filter(({ to }) => !to.startsWith("."))
      .map(({ from, to }) => `${from} imports ${to}`);
    expect(outside).to.deep.equal([]);
  });

  it("keeps the protocol free of sockets and of packages", () => {
    const outside = rooms
      .filter((file) => file.startsWith("rpc/"))
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
