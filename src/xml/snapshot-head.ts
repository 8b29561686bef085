import type { DiskSnapshot, MemorySnapshot, SnapshotHead } from "../core/model/index.js";
import { IMAGE_FORMATS, SNAPSHOT_STATES, type SnapshotMode } from "../core/model/index.js";
import type { ParseSnapshotOptions } from "../core/ports/snapshot-documents.js";
import { decodeReferences } from "./characters.js";
import { dropUndefined } from "./optional.js";
import { isOfflineState, parseSnapshot } from "./snapshot.js";

/**
 * The light part of a record. Text in our own layout is read up to the first domain definition,
 * without building a tree, so it may be cut off anywhere behind that; all other text goes through
 * `parseSnapshot` as a redefinition and fails as it does. Both ways give the same.
 */
export function parseSnapshotHead(text: string, options: KeepUnknown = {}): SnapshotHead {
  return scanHead(text) ?? parseWhole(text, options);
}

/** See `ParseSnapshotOptions`. */
export type KeepUnknown = Pick<ParseSnapshotOptions, "keepUnknown">;

function parseWhole(text: string, { keepUnknown = false }: KeepUnknown): SnapshotHead {
  const parsed = parseSnapshot(text, { redefine: true, keepUnknown });
  const { description, state, parent, creationTime, memory, disks, revertDisks } = parsed;
  return dropUndefined({
    name: parsed.name ?? "",
    description,
    state,
    parent,
    creationTime,
    memory,
    disks,
    revertDisks,
    unknownElements: parsed.unknownElements,
  });
}

/** Escaped text of our writer: no markup, no quotes, none but its own references. */
const REFERENCE = "&(?:lt|gt|amp|quot|apos|#9|#10|#13);";
const escaped = (plain: string) => `(?=[^<'])${plain}*(?:${REFERENCE}${plain}*)*`;
const TEXT = escaped("[^<>&\"'\\0-\\x08\\x0b-\\x1f\\ufffe\\uffff]");
/** In attributes a reader would take raw tabs and line ends for blanks. */
const VALUE = escaped("[^<>&\"'\\0-\\x1f\\ufffe\\uffff]");
const COMMENTED = "[^\\0-\\x08\\x0b-\\x1f\\ufffe\\uffff-]*";
const HEADER = `(?:<!--${COMMENTED}(?:-(?!-)${COMMENTED})*-->[ \\n]*)?`;

const FRONT = new RegExp(
  HEADER +
    "<domainsnapshot>\\n" +
    ` {2}<name>(${TEXT})</name>\\n` +
    `(?: {2}<description>(${TEXT})</description>\\n)?` +
    " {2}<state>([a-z-]+)</state>\\n" +
    `(?: {2}<parent>\\n {4}<name>(${TEXT})</name>\\n {2}</parent>\\n)?` +
    " {2}<creationTime>(-?\\d{1,18})</creationTime>\\n" +
    `(?: {2}<memory snapshot='(no|internal|external)'(?: file='(/${VALUE}|/)')?/>\\n)?`,
  "y",
);
const DISK = new RegExp(
  ` {4}<disk name='(${VALUE})' snapshot='(no|internal|external|manual)'(?: type='(file|block)')?(/?)>\\n`,
  "y",
);
const DISK_CHILDREN = new RegExp(
  "( {6}<snapshotDeleteInProgress/>\\n)?" +
    "(?: {6}<driver type='(\\w+)'/>\\n)?" +
    `(?: {6}<source (file|dev)='(/${VALUE}|/)'/>\\n)?` +
    " {4}</disk>\\n",
  "y",
);
const END = / *<(?:\/domainsnapshot>|(?:domain|inactiveDomain|cookie)[\s>])/y;

/** Undefined when the text is not laid out exactly as our writer does it. */
function scanHead(text: string): SnapshotHead | undefined {
  const scan = new Scan(text);
  const front = scan.take(FRONT);
  if (!front) return undefined;
  const [, name, description, stateWord, parent, creationTime, memoryMode, memoryFile] = front;
  const state = SNAPSHOT_STATES.find((one) => one === stateWord);
  if (name === undefined || creationTime === undefined || !state || state === "nostate")
    return undefined;
  const memory = toMemory(memoryMode, memoryFile, isOfflineState(state));
  const disks = scanDisks(scan, "disks");
  const revertDisks = disks && scanDisks(scan, "revertDisks");
  if (!memory || !disks || !revertDisks || !scan.take(END)) return undefined;
  return dropUndefined({
    name: decodeReferences(name),
    description: description && decodeReferences(description),
    state,
    parent: parent && decodeReferences(parent),
    creationTime: BigInt(creationTime),
    memory,
    disks,
    revertDisks: revertDisks.length > 0 ? revertDisks : undefined,
  });
}

class Scan {
  #offset = 0;
  constructor(private readonly text: string) {}

  take(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#offset;
    const found = pattern.exec(this.text);
    if (!found) return undefined;
    this.#offset = pattern.lastIndex;
    return found;
  }

  takeLiteral(literal: string): boolean {
    if (!this.text.startsWith(literal, this.#offset)) return false;
    this.#offset += literal.length;
    return true;
  }
}

function toMemory(
  written: string | undefined,
  file: string | undefined,
  isOffline: boolean,
): MemorySnapshot | undefined {
  const mode = (written ?? (isOffline ? "no" : "internal")) as MemorySnapshot["mode"];
  if ((mode === "external") !== (file !== undefined)) return undefined;
  if (isOffline && mode !== "no") return undefined;
  return dropUndefined({ mode, file: file && decodeReferences(file) });
}

function scanDisks(scan: Scan, list: "disks" | "revertDisks"): DiskSnapshot[] | undefined {
  const disks: DiskSnapshot[] = [];
  if (!scan.takeLiteral(`  <${list}>\n`)) return disks;
  while (!scan.takeLiteral(`  </${list}>\n`)) {
    const disk = scanDisk(scan);
    if (!disk) return undefined;
    disks.push(disk);
  }
  return disks;
}

function scanDisk(scan: Scan): DiskSnapshot | undefined {
  const tag = scan.take(DISK);
  if (tag?.[1] === undefined) return undefined;
  const [, name, mode, type, slash] = tag;
  const children = slash === "/" ? [] : scan.take(DISK_CHILDREN);
  if (!children) return undefined;
  const [, deleting, formatWord, pathAttribute, path] = children;
  const format = IMAGE_FORMATS.find((one) => one === formatWord);
  if (formatWord !== undefined && format === undefined) return undefined;
  if (path !== undefined && pathAttribute !== (type === "block" ? "dev" : "file")) return undefined;
  return dropUndefined({
    name: decodeReferences(name),
    mode: mode as SnapshotMode,
    type: type === "block" ? ("block" as const) : ("file" as const),
    format,
    source: path === undefined ? undefined : { path: decodeReferences(path) },
    deleteInProgress: deleting === undefined ? undefined : true,
  });
}
