import { DomsnapError } from "../../core/errors/index.js";
import type { DomainSnapshot, SnapshotHead } from "../../core/model/index.js";
import type { ParsedSnapshot, SnapshotDocuments } from "../../core/ports/index.js";
import { parseSnapshotHead, type SnapshotReader } from "../../xml/index.js";
import { withStateFile } from "../../host/state-files.js";
import { assertRecordName } from "./record-name.js";
import { formatNotes, withNotes } from "./record-notes.js";

/** A record holds two domain definitions; virsh refuses a document above 10 MiB. */
const RECORD_LIMIT_BYTES = 20 * 1024 * 1024;

/** Covers the head of a snapshot with a handful of disks, and the header comment. */
const HEAD_BYTES = 2048;

/** Records put the head before the domain definitions. */
const DOMAIN_TAG = /<(?:domain|inactiveDomain)[\s/>]/;

const HEADER_BEGINNING = `<!--
A snapshot record of domsnap. Please do not edit it by hand, but with
  domsnap snapshot-edit
`;
const HEADER_END = "-->\n\n";

/** The content of a record's file. */
export function formatRecord(snapshot: DomainSnapshot, documents: SnapshotDocuments): string {
  const text = documents.formatSnapshot(snapshot, { secure: true });
  // Documents leave out a time of 0, but an existing snapshot is not parsed without one.
  const time = snapshot.creationTime === 0n ? "\n  <creationTime>0</creationTime>" : "";
  return (
    HEADER_BEGINNING +
    formatNotes(snapshot) +
    HEADER_END +
    text.replace("<domainsnapshot>", `<domainsnapshot>${time}`)
  );
}

/**
 * Reads all of a record. Throws what the system or the parser throws, and `record-unreadable` when
 * the record is not that of `name`.
 */
export function readRecord(path: string, name: string, reader: SnapshotReader): DomainSnapshot {
  const text = withStateFile(path, (file) => file.text(RECORD_LIMIT_BYTES));
  return withNotes(named(reader.read(text).snapshot, name), notesOf(text) ?? "");
}

/**
 * Reads of a record what a list needs, and not the domain definitions, which are most of it.
 * Throws like `readRecord`.
 */
export function readRecordHead(path: string, name: string): SnapshotHead {
  assertRecordName(name);
  return withStateFile(path, (file) => {
    const beginning = file.head(HEAD_BYTES);
    const notes = notesOf(beginning);
    const head = notes === undefined ? undefined : tryParseHead(beginning);
    if (head) return withNotes(named(head, name), notes ?? "");
    const text = file.text(RECORD_LIMIT_BYTES);
    return withNotes(named(parseSnapshotHead(text), name), notesOf(text) ?? "");
  });
}

/**
 * What stands in our own header comment behind its first lines; nothing in a text without it.
 * Undefined if the comment does not end within the text.
 */
function notesOf(text: string): string | undefined {
  if (!text.startsWith(HEADER_BEGINNING)) return "";
  const end = text.indexOf(HEADER_END, HEADER_BEGINNING.length);
  return end < 0 ? undefined : text.slice(HEADER_BEGINNING.length, end);
}

/** The head, if all of it is in this beginning of a record and can be understood. */
function tryParseHead(beginning: string): SnapshotHead | undefined {
  const end = beginning.search(DOMAIN_TAG);
  if (end < 0) return undefined;
  try {
    return parseSnapshotHead(`${beginning.slice(0, end)}</domainsnapshot>`);
  } catch {
    // The whole record will tell what is wrong, or that it is only laid out unlike ours.
    return undefined;
  }
}

function named<Parsed extends Pick<ParsedSnapshot, "name">>(
  parsed: Parsed,
  name: string,
): Parsed & { readonly name: string } {
  if (parsed.name !== name)
    throw new DomsnapError("record-unreadable", `it describes snapshot '${String(parsed.name)}'`);
  return { ...parsed, name };
}
