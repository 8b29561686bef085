import { DomsnapError } from "../../core/errors/index.js";
import { CONSISTENCIES, type DomainSnapshot, type SnapshotHead } from "../../core/model/index.js";
import type { ParsedSnapshot, SnapshotDocuments } from "../../core/ports/index.js";
import { parseSnapshotHead, type SnapshotReader } from "../../xml/index.js";
import { withStateFile } from "../../host/state-files.js";
import { assertRecordName } from "./record-name.js";

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

/** What libvirt's document has no place for stands in the comment, which every reader skips. */
const CONSISTENCY_LABEL = "Consistency: ";

/** The content of a record's file. */
export function formatRecord(snapshot: DomainSnapshot, documents: SnapshotDocuments): string {
  const text = documents.formatSnapshot(snapshot, { secure: true });
  // Documents leave out a time of 0, but an existing snapshot is not parsed without one.
  const time = snapshot.creationTime === 0n ? "\n  <creationTime>0</creationTime>" : "";
  const { consistency } = snapshot;
  const notes = consistency === undefined ? "" : `${CONSISTENCY_LABEL}${consistency}\n`;
  return (
    HEADER_BEGINNING +
    notes +
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
  return { ...named(reader.read(text).snapshot, name), ...headerOf(text) };
}

/**
 * Reads of a record what a list needs, and not the domain definitions, which are most of it.
 * Throws like `readRecord`.
 */
export function readRecordHead(path: string, name: string): SnapshotHead {
  assertRecordName(name);
  return withStateFile(path, (file) => {
    const beginning = file.head(HEAD_BYTES);
    const head = tryParseHead(beginning);
    return {
      ...named(head ?? parseSnapshotHead(file.text(RECORD_LIMIT_BYTES)), name),
      ...headerOf(beginning),
    };
  });
}

/** What our own header comment tells, if the text has it. */
function headerOf(text: string): Pick<SnapshotHead, "consistency"> {
  const label = HEADER_BEGINNING + CONSISTENCY_LABEL;
  if (!text.startsWith(label)) return {};
  const consistency = CONSISTENCIES.find((level) =>
    text.startsWith(`${level}\n${HEADER_END}`, label.length),
  );
  return consistency === undefined ? {} : { consistency };
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
