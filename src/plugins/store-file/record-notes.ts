import {
  CONSISTENCIES,
  type DiskSnapshot,
  type DomainSnapshot,
  type SnapshotHead,
} from "../../core/model/index.js";

/**
 * What libvirt's document has no place for stands in the header comment of a record, which every
 * reader skips: a line each, `LABEL: VALUE`. A line that is not understood says nothing.
 */
const CONSISTENCY = "Consistency";
/** `vda=qdisk vdb=dd`: who keeps the disks. */
const KEEPERS = "Backends";
const REVERT_KEEPERS = "Backends of revertDisks";

/** The lines for a record, each with its end; empty if there is nothing to say. */
export function formatNotes({ consistency, disks, revertDisks = [] }: SnapshotHead): string {
  const notes = [
    [CONSISTENCY, consistency ?? ""],
    [KEEPERS, formatKeepers(disks)],
    [REVERT_KEEPERS, formatKeepers(revertDisks)],
  ] as const;
  return notes.map(([label, value]) => (value === "" ? "" : `${label}: ${value}\n`)).join("");
}

/** The record with what the lines say. */
export function withNotes<Head extends SnapshotHead | DomainSnapshot>(
  head: Head,
  notes: string,
): Head {
  const values = new Map(notes.split("\n").map(readLine));
  const consistency = CONSISTENCIES.find((level) => level === values.get(CONSISTENCY));
  const { revertDisks } = head;
  return {
    ...head,
    disks: withKeepers(head.disks, values.get(KEEPERS)),
    ...(revertDisks && { revertDisks: withKeepers(revertDisks, values.get(REVERT_KEEPERS)) }),
    ...(consistency && { consistency }),
  };
}

function readLine(line: string): [label: string, value: string] {
  const colon = line.indexOf(": ");
  return [line.slice(0, Math.max(colon, 0)), line.slice(colon + 2)];
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

function readPair(pair: string): [name: string, backend: string | undefined] {
  const [name = "", backend] = pair.split("=");
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
