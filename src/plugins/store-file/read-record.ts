import { DomsnapError } from "../../core/errors/index.js";
import type { DomainSnapshot, SnapshotHead } from "../../core/model/index.js";
import type { ParsedSnapshot, SnapshotDocuments } from "../../core/ports/index.js";
import { parseSnapshotHead, type SnapshotReader } from "../../xml/index.js";
import { withStateFile } from "../../host/state-files.js";
import { assertRecordName } from "./record-name.js";
import { openRecord, recordHead, sealRecord } from "./record-header.js";
import { formatNotes, withNotes } from "./record-notes.js";

/** A record holds two domain definitions; virsh refuses a document above 10 MiB. */
const RECORD_LIMIT_BYTES = 20 * 1024 * 1024;

/** Covers the head of a snapshot with a handful of disks, and the header comment. */
const HEAD_BYTES = 2048;

/** The content of a record's file. */
export function formatRecord(snapshot: DomainSnapshot, documents: SnapshotDocuments): string {
  const text = documents.formatSnapshot(snapshot, { secure: true, unknown: true });
  // Documents leave out a time of 0, but an existing snapshot is not parsed without one.
  const time = snapshot.creationTime === 0n ? "\n  <creationTime>0</creationTime>" : "";
  const document = text.replace("<domainsnapshot>", `<domainsnapshot>${time}`);
  return sealRecord(formatNotes(snapshot), document);
}

/**
 * Reads all of a record. Throws what the system or the parser throws, and `record-unreadable` when
 * the record is not that of `name`, is of another version, or was changed since it was written.
 */
export function readRecord(path: string, name: string, reader: SnapshotReader): DomainSnapshot {
  const text = withStateFile(path, (file) => file.text(RECORD_LIMIT_BYTES));
  const notes = openRecord(text, true);
  return withNotes(named(reader.read(text).snapshot, name), notes);
}

/**
 * Reads of a record what a list needs, and not the domain definitions, which are most of it.
 * Throws like `readRecord`.
 */
export function readRecordHead(path: string, name: string): SnapshotHead {
  assertRecordName(name);
  return withStateFile(path, (file) => {
    const head = recordHead(file.head(HEAD_BYTES));
    const notes = head === undefined ? [] : openRecord(head, false);
    const parsed = head === undefined ? undefined : tryParseHead(head);
    if (parsed) return withNotes(named(parsed, name), notes);
    const text = file.text(RECORD_LIMIT_BYTES);
    return withNotes(
      named(parseSnapshotHead(text, { keepUnknown: true }), name),
      openRecord(text, true),
    );
  });
}

/** Undefined for what cannot be understood. */
function tryParseHead(head: string): SnapshotHead | undefined {
  try {
    return parseSnapshotHead(`${head}</domainsnapshot>`, { keepUnknown: true });
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
