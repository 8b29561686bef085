import { DomsnapError } from "../../core/errors/index.js";
import { checksumOf, otherVersion, WRITER } from "../../formats/own-files.js";

/** Raised when an older domsnap must not read what is new, or would lose it when it writes. */
const RECORD_VERSION = 1;

/**
 * A record is the document of its snapshot behind a comment of ours, which every other reader skips:
 *
 *     <!--
 *     A snapshot record of domsnap. Please do not edit it by hand, but with
 *       domsnap snapshot-edit
 *     Format: 1
 *     Writer: domsnap 0.1.0
 *     Consistency: memory
 *     Backends: vda=qdisk vdb=dd
 *     Checksum: 5d2c4b1a 0b6f3a7e
 *     -->
 *
 * The checksums are of all that is before the domain definitions, which is all that a list reads,
 * and of the whole, both without their own line. Who has changed a record on purpose writes `none`
 * in their place. A document of another program has no such comment, and is a record as well.
 */
const PREFACE = [
  "A snapshot record of domsnap. Please do not edit it by hand, but with",
  "  domsnap snapshot-edit",
];
const COMMENT_BEGINNING = "<!--";
const COMMENT = /^<!--([^]*?)-->/;
const OUR_LINE = /^(?:Format|Checksum): /m;
const CHECKSUM_LINE = /^Checksum: (.*)\n/m;
const UNCHECKED = "none";
/** Records put the head before the domain definitions. */
const DOMAIN_TAG = /<(?:domain|inactiveDomain)[\s/>]/;

/** The content of a record's file: `notes` are lines, each with its end. */
export function sealRecord(notes: string, document: string): string {
  const lines = [...PREFACE, `Format: ${String(RECORD_VERSION)}`, `Writer: ${WRITER}`];
  const comment = `${COMMENT_BEGINNING}\n${lines.join("\n")}\n${notes}`;
  const end = `-->\n\n${document}`;
  const unsealed = comment + end;
  return `${comment}Checksum: ${checksumOf(headOf(unsealed))} ${checksumOf(unsealed)}\n${end}`;
}

/**
 * The notes of a record, line by line; none for a document of another program. `isWhole` tells
 * whether this is the whole text or the head of it only. Throws `record-unreadable` for what has
 * another version, and for what has changed since it was written.
 */
export function openRecord(text: string, isWhole: boolean): readonly string[] {
  const comment = ourComment(text);
  if (comment === undefined) return [];
  const lines = comment.split("\n").filter((line) => line !== "" && !PREFACE.includes(line));
  assertVersion(lines);
  // A comment without a format is older than both.
  if (OUR_LINE.test(comment)) assertUnchanged(text, comment, isWhole);
  return lines.filter((line) => !/^(?:Format|Writer|Checksum): /.test(line));
}

/** What a list needs: a text up to its domain definitions; undefined if it does not get that far. */
export function recordHead(beginning: string): string | undefined {
  const end = endOfHead(beginning);
  return end < 0 ? undefined : beginning.slice(0, end);
}

function headOf(text: string): string {
  return recordHead(text) ?? text;
}

function endOfHead(text: string): number {
  const commentLength = COMMENT.exec(text)?.[0].length ?? 0;
  const end = text.slice(commentLength).search(DOMAIN_TAG);
  return end < 0 ? end : commentLength + end;
}

/** What stands in our own comment; a bit that flipped in its first lines does not make it another's. */
function ourComment(text: string): string | undefined {
  const [, comment = ""] = COMMENT.exec(text) ?? [];
  const isOurs = comment.startsWith(`\n${PREFACE.join("\n")}`) || OUR_LINE.test(comment);
  return isOurs ? comment : undefined;
}

function assertVersion(lines: readonly string[]): void {
  const version = valueOf(lines, "Format");
  if (version === undefined || version === String(RECORD_VERSION)) return;
  const claim = {
    version: /^\d+$/.test(version) ? Number(version) : undefined,
    writer: valueOf(lines, "Writer"),
  };
  throw new DomsnapError("record-unreadable", otherVersion(claim, RECORD_VERSION), {
    hint: "Use the version of domsnap that wrote it, or a newer one.",
  });
}

function assertUnchanged(text: string, comment: string, isWhole: boolean): void {
  const found = CHECKSUM_LINE.exec(comment);
  if (found?.[1] === UNCHECKED) return;
  const at = COMMENT_BEGINNING.length + (found?.index ?? 0);
  const unsealed = text.slice(0, at) + text.slice(at + (found?.[0].length ?? 0));
  const [head, whole] = found?.[1]?.split(" ") ?? [];
  if (head === checksumOf(headOf(unsealed)) && (!isWhole || whole === checksumOf(unsealed))) return;
  throw new DomsnapError("record-unreadable", "it is not as it was written", {
    hint:
      "Bring the file back as it was. If it was changed on purpose, write 'Checksum: none' in its " +
      "comment.",
  });
}

function valueOf(lines: readonly string[], label: string): string | undefined {
  const line = lines.find((one) => one.startsWith(`${label}: `));
  return line?.slice(label.length + 2);
}
