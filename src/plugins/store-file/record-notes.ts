import { DomsnapError } from "../../core/errors/index.js";
import {
  CONSISTENCIES,
  IMAGE_FORMATS,
  STORAGE_TYPES,
  type DiskSnapshot,
  type DomainSnapshot,
  type SnapshotHead,
} from "../../core/model/index.js";

/**
 * What libvirt's document has no place for stands in the comment of a record: a line each, `LABEL:
 * VALUE`. What a label of these says is always understood, or the record is not read. Other lines
 * are of a later version that does not need them understood; they are kept.
 */
const CONSISTENCY = "Consistency";
/** `vda=qdisk vdb=dd`: who keeps the disks. */
const KEEPERS = "Backends";
const REVERT_KEEPERS = "Backends of revertDisks";
/** `vda`: disks whose files were there before the snapshot. */
const REUSED = "Reused";
/** `taken`, for what domsnap took itself. */
const ORIGIN = "Origin";
const TAKEN = "taken";
/** What images call the snapshot. */
const TAG = "Tag";
/** `vda=qcow2:qdisk:/var/x.qcow2`: overlays that reverts have left and that something is kept in. */
const LEFT = "Left behind";
const LABELS: readonly string[] = [CONSISTENCY, KEEPERS, REVERT_KEEPERS, REUSED, ORIGIN, TAG, LEFT];

/** The lines for a record, each with its end; empty if there is nothing to say. */
export function formatNotes(head: SnapshotHead): string {
  const { consistency = "", disks, revertDisks = [], unknownNotes = [] } = head;
  const { imageTag = "", leftBehind = [], taken } = head;
  const notes = [
    [CONSISTENCY, consistency],
    [KEEPERS, formatKeepers(disks)],
    [REVERT_KEEPERS, formatKeepers(revertDisks)],
    [REUSED, formatReused(disks)],
    [ORIGIN, taken === true ? TAKEN : ""],
    [TAG, escapeName(imageTag)],
    [LEFT, leftBehind.map(formatLeft).join(" ")],
  ] as const;
  const told = notes.flatMap(([label, value]) => (value === "" ? [] : [`${label}: ${value}`]));
  return [...told, ...unknownNotes].map((line) => `${line}\n`).join("");
}

/** The record with what the lines say. Throws `record-unreadable`. */
export function withNotes<Head extends SnapshotHead | DomainSnapshot>(
  head: Head,
  notes: readonly string[],
): Head {
  const values = new Map<string, string>();
  const unknownNotes: string[] = [];
  for (const note of notes) {
    const [label, value] = splitLine(note);
    if (!LABELS.includes(label)) unknownNotes.push(note);
    else if (values.has(label)) throw unclear(note);
    else values.set(label, value);
  }
  const level = values.get(CONSISTENCY);
  const consistency = CONSISTENCIES.find((known) => known === level);
  if (consistency !== level) throw unclear(`${CONSISTENCY}: ${String(level)}`);
  const { revertDisks } = head;
  const origin = values.get(ORIGIN);
  if (origin !== undefined && origin !== TAKEN) throw unclear(`${ORIGIN}: ${origin}`);
  const tag = values.get(TAG);
  const left = values.get(LEFT);
  return {
    ...head,
    disks: withReused(withKeepers(head.disks, values.get(KEEPERS)), values.get(REUSED)),
    ...(revertDisks && { revertDisks: withKeepers(revertDisks, values.get(REVERT_KEEPERS)) }),
    ...(consistency && { consistency }),
    ...(origin !== undefined && { taken: true }),
    ...(tag !== undefined && { imageTag: unescapeName(tag) }),
    ...(left !== undefined && { leftBehind: left.split(" ").map(readLeft) }),
    ...(unknownNotes.length > 0 && { unknownNotes }),
  };
}

function splitLine(line: string): [label: string, value: string] {
  const colon = line.indexOf(": ");
  return [line.slice(0, Math.max(colon, 0)), line.slice(colon + 2)];
}

function unclear(line: string): DomsnapError {
  return new DomsnapError("record-unreadable", `its line '${line}' is not understood`, {
    hint: "Use the version of domsnap that wrote it, or take out what was changed by hand.",
  });
}

function formatKeepers(disks: readonly DiskSnapshot[]): string {
  return disks
    .flatMap(({ name, backend }) =>
      backend === undefined ? [] : [`${escapeName(name)}=${escapeName(backend)}`],
    )
    .join(" ");
}

function withKeepers(
  disks: readonly DiskSnapshot[],
  text: string | undefined,
): readonly DiskSnapshot[] {
  if (text === undefined) return disks;
  const keepers = new Map(text.split(" ").map(readPair));
  return disks.map((disk) => {
    const backend = keepers.get(escapeName(disk.name));
    return backend === undefined ? disk : { ...disk, backend: unescapeName(backend) };
  });
}

function formatReused(disks: readonly DiskSnapshot[]): string {
  return disks.flatMap(({ name, reused }) => (reused === true ? [escapeName(name)] : [])).join(" ");
}

function withReused(
  disks: readonly DiskSnapshot[],
  text: string | undefined,
): readonly DiskSnapshot[] {
  if (text === undefined) return disks;
  const names = new Set(text.split(" "));
  return disks.map((disk) => (names.has(escapeName(disk.name)) ? { ...disk, reused: true } : disk));
}

function formatLeft({ name, type, format = "raw", backend = "", source }: DiskSnapshot): string {
  const parts = [type, format, backend, source?.path ?? ""];
  return `${escapeName(name)}=${parts.map(escapeName).join(":")}`;
}

function readLeft(word: string): DiskSnapshot {
  const [name, value] = readPair(word);
  const [type, format, backend, path, ...more] = value.split(":").map(unescapeName);
  const knownType = STORAGE_TYPES.find((one) => one === type);
  const knownFormat = IMAGE_FORMATS.find((one) => one === format);
  if (!knownType || !knownFormat || !path?.startsWith("/") || more.length > 0) throw unclear(word);
  return {
    name: unescapeName(name),
    mode: "external",
    type: knownType,
    format: knownFormat,
    source: { path },
    ...(backend && { backend }),
  };
}

function readPair(pair: string): [name: string, backend: string] {
  const [, name, backend] = /^([^=]+)=([^=]+)$/.exec(pair) ?? [];
  if (name === undefined || backend === undefined) throw unclear(pair);
  return [name, backend];
}

/** A word without blanks, line ends and what a comment must not hold: two dashes in a row. */
function escapeName(name: string): string {
  return encodeURIComponent(name).replace(/-(?=-|$)/g, "%2D");
}

/** As it stands if somebody has written what is no such word. */
function unescapeName(word: string): string {
  try {
    return decodeURIComponent(word);
  } catch {
    return word;
  }
}
