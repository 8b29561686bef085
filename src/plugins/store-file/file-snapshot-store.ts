import { readdirSync } from "node:fs";
import { join } from "node:path";

import { DomsnapError } from "../../core/errors/index.js";
import { oldestFirst, type DomainSnapshot, type SnapshotHead } from "../../core/model/index.js";
import type {
  RecordProblem,
  SnapshotDocuments,
  SnapshotIndex,
  SnapshotStore,
  StoredFile,
} from "../../core/ports/index.js";
import { formatCheckedLine, parseCheckedLine } from "../../formats/own-files.js";
import { unlinkDurably } from "../../host/durable-files.js";
import {
  assertRealFolder,
  ensureStateFolder,
  readStateFile,
  writeStateFile,
  writeStateFiles,
} from "../../host/state-files.js";
import { errnoOf, strerror, systemError } from "../../host/system-error.js";
import { SnapshotReader } from "../../xml/index.js";
import { formatRecord, readRecord, readRecordHead } from "./read-record.js";
import { assertRecordName, RECORD_SUFFIX, recordNameProblem } from "./record-name.js";
import {
  domainFolder,
  domainsBelow,
  isAbandonedJournal,
  type DomainFolder,
} from "./state-folder.js";

/** A snapshot's name is at most as long as a file's, and its checksum goes before it. */
const CURRENT_LIMIT_BYTES = 4096;

/**
 * Keeps each snapshot as a `<domainsnapshot>` document in `STATE/UUID/NAME.xml`, and the name of
 * the current one, behind its checksum, in `STATE/UUID/current`. The files are the truth: there is nothing to keep in
 * step with them, and one damaged file costs one snapshot's record.
 *
 * Writing needs the domain's lock; reading does not, as every file is always whole.
 */
export class FileSnapshotStore implements SnapshotStore {
  /** Most records of a domain hold the same definition, which it parses once. */
  readonly #reader = new SnapshotReader({ keepUnknown: true });

  constructor(
    private readonly stateFolder: string,
    private readonly documents: SnapshotDocuments,
  ) {}

  assertName(name: string): void {
    assertRecordName(name);
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- see withStateFile
  async index(domainUuid: string): Promise<SnapshotIndex> {
    const folder = domainFolder(this.stateFolder, domainUuid);
    const problems: RecordProblem[] = [];
    const heads = attempt(folder.path, problems, () => readHeads(folder, problems)) ?? [];
    const marks: RecordProblem[] = [];
    const current = attempt(folder.current, marks, () => readCurrent(folder, heads));
    problems.push(...marks.map((problem) => ({ ...problem, about: "current" as const })));
    return { heads, problems, ...(current === undefined ? {} : { current }) };
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- see withStateFile
  async read(domainUuid: string, name: string): Promise<DomainSnapshot> {
    const folder = domainFolder(this.stateFolder, domainUuid);
    if (recordNameProblem(name) !== undefined) throw noSuchSnapshot(name);
    const path = folder.record(name);
    try {
      assertRealFolder(folder.path);
      return ofDomain(readRecord(path, name, this.#reader), domainUuid);
    } catch (thrown) {
      if (isMissing(thrown)) throw noSuchSnapshot(name);
      const { reason, remedy } = reasonOf(thrown);
      throw new DomsnapError(
        "record-unreadable",
        `snapshot record '${path}' cannot be read: ${reason}`,
        { cause: thrown, ...(remedy !== undefined && { hint: remedy }) },
      );
    }
  }

  folder(domainUuid: string): string {
    return domainFolder(this.stateFolder, domainUuid).path;
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- throws as a rejection
  async domains(): Promise<readonly string[]> {
    return domainsBelow(this.stateFolder);
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- throws as a rejection
  async files(domainUuid: string): Promise<readonly StoredFile[]> {
    const folder = domainFolder(this.stateFolder, domainUuid);
    const own = new Set([folder.current, folder.journal, folder.lock]);
    return [
      { path: folder.path, known: true },
      ...listNames(folder.path).map((name) => {
        const path = join(folder.path, name);
        const isOurs = own.has(path) || name.endsWith(RECORD_SUFFIX) || isAbandonedJournal(name);
        return { path, known: isOurs };
      }),
    ];
  }

  async write(domainUuid: string, snapshot: DomainSnapshot): Promise<void> {
    assertRecordName(snapshot.name);
    const folder = await this.#prepare(domainUuid);
    await writeStateFile(folder.record(snapshot.name), formatRecord(snapshot, this.documents));
  }

  async writeAll(domainUuid: string, snapshots: readonly DomainSnapshot[]): Promise<void> {
    for (const { name } of snapshots) assertRecordName(name);
    const folder = await this.#prepare(domainUuid);
    await writeStateFiles(
      snapshots.map((snapshot) => ({
        path: folder.record(snapshot.name),
        content: () => formatRecord(snapshot, this.documents),
      })),
    );
  }

  async remove(domainUuid: string, name: string): Promise<void> {
    const folder = domainFolder(this.stateFolder, domainUuid);
    assertRealFolder(folder.path);
    if (recordNameProblem(name) === undefined) await unlinkDurably(folder.record(name));
  }

  async setCurrent(domainUuid: string, name: string | undefined): Promise<void> {
    if (name === undefined) {
      const folder = domainFolder(this.stateFolder, domainUuid);
      assertRealFolder(folder.path);
      await unlinkDurably(folder.current);
      return;
    }
    assertRecordName(name);
    const folder = await this.#prepare(domainUuid);
    await writeStateFile(folder.current, formatCheckedLine(name));
  }

  /** Makes the folder of a domain. */
  async #prepare(domainUuid: string): Promise<DomainFolder> {
    const folder = domainFolder(this.stateFolder, domainUuid);
    await ensureStateFolder(folder.path);
    return folder;
  }
}

/** What `read` returns; a failure becomes a problem, unless the file is just not there. */
function attempt<Result>(
  record: string,
  problems: RecordProblem[],
  read: () => Result,
): Result | undefined {
  try {
    return read();
  } catch (thrown) {
    if (!isMissing(thrown)) problems.push({ record, ...reasonOf(thrown) });
    return undefined;
  }
}

function reasonOf(thrown: unknown): Pick<RecordProblem, "reason" | "remedy"> {
  if (!(thrown instanceof DomsnapError)) return { reason: strerror(thrown) };
  const { detail: reason, hint } = thrown;
  return { reason, ...(hint !== undefined && { remedy: hint }) };
}

function isMissing(thrown: unknown): boolean {
  return errnoOf(thrown) === "ENOENT";
}

function listNames(path: string): string[] {
  try {
    return readdirSync(path).sort();
  } catch (thrown) {
    if (isMissing(thrown)) return [];
    throw systemError(thrown, `cannot open directory '${path}'`);
  }
}

function readHeads(folder: DomainFolder, problems: RecordProblem[]): SnapshotHead[] {
  assertRealFolder(folder.path);
  return readdirSync(folder.path)
    .filter((fileName) => fileName.endsWith(RECORD_SUFFIX))
    .map((fileName) => {
      const name = fileName.slice(0, -RECORD_SUFFIX.length);
      const path = join(folder.path, fileName);
      const failed: RecordProblem[] = [];
      const head = attempt(path, failed, () => readRecordHead(path, name));
      problems.push(...failed.map((problem) => ({ ...problem, snapshot: name })));
      return head;
    })
    .filter((head) => head !== undefined)
    .sort(oldestFirst);
}

function readCurrent(folder: DomainFolder, heads: readonly SnapshotHead[]): string | undefined {
  const text = readStateFile(folder.current, CURRENT_LIMIT_BYTES);
  if (text === undefined) return undefined;
  const name = text.endsWith("\n") ? parseCheckedLine(text.slice(0, -1)) : undefined;
  if (name === undefined) throw new Error("it is not as it was written");
  if (heads.some((head) => head.name === name)) return name;
  throw new Error(`there is no snapshot '${name}'`);
}

/** Oldest first; those of one second by name, so that the order is the same every time. */
function noSuchSnapshot(name: string): DomsnapError {
  return new DomsnapError("no-domain-snapshot", `no domain snapshot with matching name '${name}'`);
}

/** A folder may have been copied or renamed: what is in it is of the domain that it names. */
function ofDomain(snapshot: DomainSnapshot, domainUuid: string): DomainSnapshot {
  const uuid = snapshot.domain?.uuid ?? snapshot.domainUuid ?? domainUuid;
  if (uuid.toLowerCase() === domainUuid.toLowerCase()) return snapshot;
  throw new DomsnapError("record-unreadable", `it is of the domain with the uuid ${uuid}`, {
    hint: "Move it to the folder of that domain.",
  });
}
