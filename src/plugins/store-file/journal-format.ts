import type { Plan } from "../../core/model/index.js";
import type { JournalEntry } from "../../core/ports/index.js";
import { formatCheckedLine, WRITER } from "../../formats/own-files.js";

/** Of the journal as a whole, plans included: a plan that this version cannot read has another one. */
export const JOURNAL_VERSION = 3;

export type JournalMark =
  | { readonly mark: "started" | "finished"; readonly index: number }
  /** See `Evidence.record`. */
  | { readonly mark: "made"; readonly place: string; readonly identity: string };

export type JournalHead = Omit<JournalEntry, "started" | "finished" | "made">;

/**
 * The first line of a journal. A journal is lines of text, each complete with its newline, and each
 * begun by the CRC-32 of what it and all lines before it say behind the space:
 *
 *     5d2c4b1a {"domsnapJournal":3,"writer":"domsnap 0.1.0","owner":{...},"token":"...",...}
 *     0b6f3a7e started 0
 *     91c7e0d4 made {"place":"/images/guest.s1","identity":"5308447@1796064231205763706"}
 *     c30d9c55 finished 0
 */
export function formatHead({ plan, owner, token, found }: JournalHead): string {
  const head = {
    domsnapJournal: JOURNAL_VERSION,
    writer: WRITER,
    owner,
    token,
    found,
    plan: withoutUnneeded(plan),
  };
  return formatCheckedLine(JSON.stringify(head, encoder()));
}

/** A further line; `before` is the checksum of the one before it. */
export function formatMark(mark: JournalMark, before: string): string {
  if (mark.mark !== "made") return formatCheckedLine(`${mark.mark} ${mark.index}`, before);
  const { place, identity } = mark;
  return formatCheckedLine(`made ${JSON.stringify({ place, identity })}`, before);
}

/** Where the complete lines of a journal end, in bytes. */
export function lastLineEnd(journal: Buffer): number {
  return journal.lastIndexOf("\n") + 1;
}

/**
 * Before the commit point records that a plan adds can only be undone, which takes their names:
 * the definitions in them, which are most of a large import, are left out.
 */
function withoutUnneeded(plan: Plan): Plan {
  const before = plan.before.map((operation) => {
    if (operation.kind !== "records.add") return operation;
    const snapshots = operation.snapshots.map(
      ({ domain: _domain, inactiveDomain: _inactive, ...snapshot }) => snapshot,
    );
    return { ...operation, snapshots };
  });
  return { ...plan, before };
}

/** JSON has no 64-bit numbers. No type of a plan has a field of these names. */
const BIGINT_KEY = "$bigint";
/** A definition that many records of a plan share is written once, and then by its number. */
const SHARED_KEY = "$shared";

function encoder() {
  const seen = new Map<object, number>();
  return (_key: string, value: unknown): unknown => {
    if (typeof value === "bigint") return { [BIGINT_KEY]: value.toString() };
    if (!isDefinition(value)) return value;
    const number = seen.get(value);
    if (number === undefined) seen.set(value, seen.size);
    return number === undefined ? value : { [SHARED_KEY]: number };
  };
}

/** Reads in the order of writing, so that what is shared is known before it is named. */
export function decoder() {
  const seen: object[] = [];
  return (_key: string, value: unknown): unknown => {
    if (typeof value !== "object" || value === null) return value;
    if (BIGINT_KEY in value) return BigInt(String(value[BIGINT_KEY]));
    if (SHARED_KEY in value) return seen[Number(value[SHARED_KEY])];
    if (isDefinition(value)) seen.push(value);
    return value;
  };
}

/** A `DomainDefinition` is the only part of a plan that is both large and shared. */
function isDefinition(value: unknown): value is object {
  return typeof value === "object" && value !== null && "xml" in value && "uuid" in value;
}
