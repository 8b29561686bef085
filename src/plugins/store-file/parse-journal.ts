import { DomsnapError } from "../../core/errors/index.js";
import type { Plan } from "../../core/model/index.js";
import type { Identified, JournalEntry } from "../../core/ports/index.js";
import { checksumOfLine, otherVersion, parseCheckedLine } from "../../formats/own-files.js";
import { decoder, JOURNAL_VERSION, lastLineEnd, type JournalHead } from "./journal-format.js";
import { isIdentified, problemOfHead } from "./journal-schema.js";

/**
 * Reads the journal that is kept in a file. What follows the last newline was being written when its
 * writer died, and counts as never written, even where it ends within a character. A journal is
 * carried out, by root as a rule: anything that this version would not have written is refused as a
 * whole. Throws `recovery-failed`.
 */
export function parseJournal(journal: Buffer, path: string): JournalEntry {
  // What is not UTF-8 becomes another text, whose checksum is another one.
  const end = lastLineEnd(journal);
  const [first = "", ...lines] = journal.toString("utf8", 0, end).split("\n");
  const head = parseHead(first, path);
  const marks = {
    started: new Set<number>(),
    finished: new Set<number>(),
    made: [] as Identified[],
  };
  let before = checksumOfLine(first);
  for (const [index, line] of lines.slice(0, -1).entries()) {
    const refuse = () => damaged(path, index + 2);
    addMark(marks, parseCheckedLine(line, before) ?? refuse(), head.plan, refuse);
    before = checksumOfLine(line);
  }
  // A whole line with another end was not cut off: the mark in it counts, and its end was changed.
  const rest = journal.toString("utf8", end).slice(0, -1);
  if (parseCheckedLine(rest, before) !== undefined) damaged(path, lines.length + 1);
  return { ...head, ...marks };
}

function addMark(
  marks: { started: Set<number>; finished: Set<number>; made: Identified[] },
  text: string,
  plan: Plan,
  refuse: () => never,
): void {
  const [, word, rest = ""] = /^(started|finished|made) (.*)$/s.exec(text) ?? [];
  if (word === "made") {
    const made: unknown = parseJson(rest) ?? refuse();
    if (!isIdentified(made)) return refuse();
    marks.made.push(made);
    return;
  }
  if ((word !== "started" && word !== "finished") || !/^\d+$/.test(rest)) return refuse();
  const index = Number(rest);
  if (
    index >= plan.before.length + plan.after.length &&
    !(word === "started" && isCommit(index, plan))
  )
    return refuse();
  marks[word].add(index);
}

/** The mark of the commit of a plan without a second half. */
function isCommit(index: number, { before, after }: Plan): boolean {
  return after.length === 0 && index === before.length;
}

function parseHead(line: string, path: string): JournalHead {
  const text = parseCheckedLine(line);
  // Journals of version 1 had no checksums.
  const json = parseJson(text ?? line);
  const version = isObject(json) ? json["domsnapJournal"] : undefined;
  if (version !== undefined && version !== JOURNAL_VERSION)
    throw unreadable(
      path,
      otherVersion(
        { version, writer: isObject(json) ? json["writer"] : undefined },
        JOURNAL_VERSION,
      ),
      "Use the version of domsnap that was interrupted, or a newer one.",
    );
  if (text === undefined) return damaged(path, 1);
  const problem = problemOfHead(json);
  if (problem !== undefined) throw unreadable(path, problem, SET_ASIDE);
  const { plan, owner, token, found } = json as JournalHead;
  return { plan, owner, token, found };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text, decoder());
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

const SET_ASIDE = "Bring the file back as it was.";

function damaged(path: string, line: number): never {
  throw unreadable(path, `its line ${line} is damaged, or one before it is missing`, SET_ASIDE);
}

function unreadable(path: string, reason: string, hint: string): DomsnapError {
  return new DomsnapError("recovery-failed", `the journal '${path}' cannot be used: ${reason}`, {
    effect: "partial",
    hint,
  });
}
