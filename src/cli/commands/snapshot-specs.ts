import { CommandError, usageError } from "../command-error.js";
import { escapeAttribute, escapeText } from "../../xml/writer.js";
import { splitList } from "./split-list.js";

/** What `snapshot-create-as` is given for its document. */
export interface SnapshotWords {
  readonly name?: string | undefined;
  readonly description?: string | undefined;
  readonly memspec?: string | undefined;
  readonly diskspecs: readonly string[];
  /** Whether a diskspec may name a backend; to virsh that is a key that it does not know. */
  readonly withBackends?: boolean;
}

/**
 * The `<domainsnapshot>` document of `snapshot-create-as`, in virsh's layout. Unlike virsh it
 * escapes every value and refuses a disk without a name. Throws `usage` with virsh's messages.
 */
export function formatSnapshotWords(words: SnapshotWords): string {
  const keys = words.withBackends === true ? [...DOCUMENT_KEYS, BACKEND_KEY] : DOCUMENT_KEYS;
  const lines = [
    ...textElement("name", words.name),
    ...textElement("description", words.description),
    ...(words.memspec === undefined ? [] : [formatMemspec(words.memspec)]),
    ...(words.diskspecs.length === 0
      ? []
      : [
          "  <disks>",
          ...words.diskspecs.flatMap((diskspec) => formatDiskspec(diskspec, keys)),
          "  </disks>",
        ]),
  ];
  return ["<domainsnapshot>", ...lines, "</domainsnapshot>", ""].join("\n");
}

function textElement(name: string, text: string | undefined): string[] {
  return text === undefined ? [] : [`  <${name}>${escapeText(text)}</${name}>`];
}

function formatMemspec(memspec: string): string {
  const values = new Map<string, string>();
  for (const piece of splitList(memspec)) {
    const [key, value] = piece.startsWith("/") ? ["file", piece] : readPair(piece);
    if ((key !== "snapshot" && key !== "file") || values.has(key))
      throw usageError(`unable to parse memspec: ${memspec}`);
    values.set(key, value);
  }
  return `  <memory${attribute("snapshot", values)}${attribute("file", values)}/>`;
}

/** The keys of a diskspec that its document has a place for: virsh's. */
const DOCUMENT_KEYS = ["snapshot", "driver", "stype", "file"];
const BACKEND_KEY = "backend";

/**
 * The backends that diskspecs name, by the name of the disk: virsh's document has no place for
 * them. Throws `usage`.
 */
export function backendsOf(diskspecs: readonly string[]): ReadonlyMap<string, string> {
  const backends = new Map<string, string>();
  for (const diskspec of diskspecs) {
    const [name = "", ...pieces] = splitList(diskspec);
    const backend = new Map(pieces.map(readPair)).get(BACKEND_KEY);
    if (backend === undefined) continue;
    if (backend === "" || backends.has(name))
      throw usageError(`unable to parse diskspec: ${diskspec}`);
    backends.set(name, backend);
  }
  return backends;
}

function formatDiskspec(diskspec: string, keys: readonly string[]): string[] {
  const [name = "", ...pieces] = splitList(diskspec);
  const unparsable = `unable to parse diskspec: ${diskspec}`;
  if (name === "") throw usageError(unparsable);
  const values = new Map([["name", name]]);
  for (const piece of pieces) {
    const [key, value] = readPair(piece);
    if (!keys.includes(key) || values.has(key)) throw usageError(unparsable);
    values.set(key, value);
  }
  const stype = values.get("stype");
  if (stype !== undefined && stype !== "file" && stype !== "block")
    throw new CommandError(
      [`Unknown storage type: '${stype}'`, unparsable],
      usageError(unparsable),
    );
  return formatDisk(values);
}

function formatDisk(values: ReadonlyMap<string, string>): string[] {
  const head =
    "    <disk" +
    ["name", "snapshot"].map((key) => attribute(key, values)).join("") +
    attribute("type", values, "stype");
  const children = [
    ...(values.has("driver") ? [`      <driver${attribute("type", values, "driver")}/>`] : []),
    ...(values.has("file")
      ? [
          `      <source${attribute(values.get("stype") === "block" ? "dev" : "file", values, "file")}/>`,
        ]
      : []),
  ];
  return children.length === 0 ? [`${head}/>`] : [`${head}>`, ...children, "    </disk>"];
}

/** `KEY=VALUE`; a piece without an equals sign has no key that anything accepts. */
function readPair(piece: string): [key: string, value: string] {
  const equals = piece.indexOf("=");
  return equals < 0 ? ["", piece] : [piece.slice(0, equals), piece.slice(equals + 1)];
}

function attribute(name: string, values: ReadonlyMap<string, string>, key = name): string {
  const value = values.get(key);
  return value === undefined ? "" : ` ${name}='${escapeAttribute(value)}'`;
}
