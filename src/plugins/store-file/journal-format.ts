import { DomsnapError } from "../../core/errors/index.js";
import type { Operation, Plan } from "../../core/model/operation.js";
import type { JournalEntry } from "../../core/ports/index.js";

const FORMAT_VERSION = 1;

export type JournalMark = "started" | "finished";
type Beginning = Pick<JournalEntry, "plan" | "owner">;

/**
 * The first line of a journal: version, owner and plan as JSON. A journal is lines of text, each
 * complete with its newline:
 *
 *     {"domsnapJournal":1,"owner":{...},"plan":{...}}
 *     started 0
 *     finished 0
 */
export function formatBeginning({ plan, owner }: Beginning): string {
  const line = { domsnapJournal: FORMAT_VERSION, owner, plan: withoutUnneeded(plan) };
  return JSON.stringify(line, encoder()) + "\n";
}

/**
 * Before the commit point records that a plan adds can only be undone, which takes their names:
 * the definitions in them, which are most of a large import, are left out.
 */
function withoutUnneeded(plan: Plan): Plan {
  const operations = plan.operations.map((operation, index): Operation => {
    if (operation.kind !== "records.add" || index >= plan.commitAt) return operation;
    const snapshots = operation.snapshots.map(
      ({ domain: _domain, inactiveDomain: _inactive, ...snapshot }) => snapshot,
    );
    return { ...operation, snapshots };
  });
  return { ...plan, operations };
}

export function formatMark(mark: JournalMark, index: number): string {
  return `${mark} ${index}\n`;
}

/**
 * Reads a journal. What follows the last newline was being written when its writer died, and counts
 * as never written. Throws `recovery-failed` for anything that this version did not write.
 */
export function parseJournal(text: string): JournalEntry {
  const [first, ...lines] = text.slice(0, lastLineEnd(text)).split("\n");
  const marks = { started: new Set<number>(), finished: new Set<number>() };
  for (const line of lines.filter((line) => line !== "")) {
    const match = /^(started|finished) (\d+)$/.exec(line);
    if (!match) throw unreadable(`it has a line that is not understood: '${line}'`);
    marks[match[1] as JournalMark].add(Number(match[2]));
  }
  return { ...parseBeginning(first ?? ""), ...marks };
}

/** Where the complete lines of a journal end. */
export function lastLineEnd(text: string): number {
  return text.lastIndexOf("\n") + 1;
}

function parseBeginning(line: string): Beginning {
  const { domsnapJournal: version, plan, owner } = parseJson(line);
  if (version !== FORMAT_VERSION)
    throw unreadable(
      `its format is version ${String(version)}, and this domsnap knows ${FORMAT_VERSION}`,
      "Use the version of domsnap that was interrupted, or a newer one.",
    );
  if (!Array.isArray(plan?.operations) || owner === undefined) throw unreadable("it holds no plan");
  return { plan, owner };
}

function parseJson(line: string): Partial<Beginning> & { readonly domsnapJournal?: unknown } {
  try {
    const value: unknown = JSON.parse(line, decoder());
    return typeof value === "object" && value !== null ? value : {};
  } catch (thrown) {
    throw unreadable("its first line is not JSON", undefined, thrown);
  }
}

function unreadable(reason: string, hint?: string, cause?: unknown): DomsnapError {
  return new DomsnapError("recovery-failed", `the journal cannot be used: ${reason}`, {
    cause,
    effect: "partial",
    ...(hint === undefined ? {} : { hint }),
  });
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
function decoder() {
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
