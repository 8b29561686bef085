import { basename, dirname } from "node:path";

import type { SnapshotHead } from "../core/model/index.js";
import { editInformationFile, formatInformationFile } from "./information-file.js";
import { toToolstackSnapshot } from "./snapshot-conversion.js";

/** The first line of every view. */
const MARK = "# Written by domsnap from the record beside it. Changes here are not read.\n";

/**
 * The information file that tells other programs of a record: the keys of the third proposal, with
 * files of `folder` by their names alone. Of the text that was there before, all that is not such a
 * key stays; one that is not in xl's syntax goes. Idempotent: its own result before gives the same.
 */
export function formatInformationView(
  snapshot: SnapshotHead,
  folder: string,
  before?: string,
): string {
  const described = toToolstackSnapshot(snapshot, {
    internalMemory: (name) => `${name}.save`,
    shorten: (file) => (dirname(file) === folder ? basename(file) : file),
  });
  if (before === undefined) return MARK + formatInformationFile(described);
  try {
    return editInformationFile(isInformationView(before) ? before : MARK + before, described);
  } catch {
    return MARK + formatInformationFile(described);
  }
}

/** Whether a text is such a view, and not the file of another program. */
export function isInformationView(text: string): boolean {
  return text.startsWith(MARK);
}
