import { constants, existsSync } from "node:fs";
import { open, rm, type FileHandle } from "node:fs/promises";
import { hostname } from "node:os";

import { DomsnapError, withWayOut } from "../../core/errors/index.js";
import type { Journal, JournalBeginning, JournalEntry } from "../../core/ports/index.js";
import { CHECKSUM_DIGITS } from "../../formats/own-files.js";
import { isVacant, publishDurably, unlinkDurably } from "../../host/durable-files.js";
import {
  assertRealFolder,
  ensureStateFolder,
  hasTemporaries,
  readStateBytes,
  writeStateFile,
} from "../../host/state-files.js";
import { systemError } from "../../host/system-error.js";
import { formatHead, formatMark, lastLineEnd, type JournalMark } from "./journal-format.js";
import { domainFolder, domainsBelow } from "./state-folder.js";

const { O_NOFOLLOW, O_NONBLOCK, O_RDWR } = constants;

/** A plan that deletes a long chain holds two domain definitions for each of its records. */
const JOURNAL_LIMIT_BYTES = 512 * 1024 * 1024;
const CHUNK_BYTES = 64 * 1024;

/**
 * Keeps the plan under way in `STATE/UUID/journal`. The plan appears whole or not at all; what
 * happened to its operations is appended line by line, each on disk before the call returns.
 * Writing needs the domain's lock.
 */
export class FileJournal implements Journal {
  constructor(private readonly stateFolder: string) {}

  async read(domainUuid: string): Promise<JournalEntry | undefined> {
    const folder = domainFolder(this.stateFolder, domainUuid);
    try {
      assertRealFolder(folder.path);
      const bytes = readStateBytes(folder.journal, JOURNAL_LIMIT_BYTES);
      if (bytes === undefined) return undefined;
      // The schema of everything that a plan can hold: loaded by those who find a journal only.
      const { parseJournal } = await import("./parse-journal.js");
      return parseJournal(bytes, folder.journal);
    } catch (thrown) {
      throw asRecoveryFailure(thrown, domainUuid);
    }
  }

  /** Those of whose files one was being written count as well. Throws `system-error`. */
  // eslint-disable-next-line @typescript-eslint/require-await -- throws as a rejection
  async list(): Promise<readonly string[]> {
    return domainsBelow(this.stateFolder).filter((uuid) => {
      const folder = domainFolder(this.stateFolder, uuid);
      return existsSync(folder.journal) || hasTemporaries(folder.path);
    });
  }

  /** Throws `internal-error` when a plan is there already: it would be lost. */
  async begin(beginning: JournalBeginning): Promise<void> {
    const { plan } = beginning;
    const folder = domainFolder(this.stateFolder, plan.domain.uuid);
    await ensureStateFolder(folder.path);
    if (existsSync(folder.journal))
      throw new DomsnapError("internal-error", `the journal '${folder.journal}' is in use`);
    const owner = { pid: process.pid, host: hostname(), sinceMs: Date.now() };
    try {
      await writeStateFile(folder.journal, formatHead({ ...beginning, owner }));
    } catch (thrown) {
      // It may be there and only not be durable; a plan that never began must not be recovered.
      await rm(folder.journal, { force: true });
      throw thrown;
    }
  }

  started(domainUuid: string, index: number): Promise<void> {
    return this.#append(domainUuid, { mark: "started", index });
  }

  finished(domainUuid: string, index: number): Promise<void> {
    return this.#append(domainUuid, { mark: "finished", index });
  }

  made(domainUuid: string, place: string, identity: string): Promise<void> {
    return this.#append(domainUuid, { mark: "made", place, identity });
  }

  async end(domainUuid: string): Promise<void> {
    const folder = domainFolder(this.stateFolder, domainUuid);
    assertRealFolder(folder.path);
    await unlinkDurably(folder.journal);
  }

  async abandon(domainUuid: string): Promise<string | undefined> {
    const folder = domainFolder(this.stateFolder, domainUuid);
    assertRealFolder(folder.path);
    if (await isVacant(folder.journal)) return undefined;
    const kept = folder.abandonedJournal(new Date());
    // To replace one that was given up in the same millisecond would lose it.
    await publishDurably(folder.journal, kept);
    return kept;
  }

  async #append(domainUuid: string, mark: JournalMark): Promise<void> {
    const { journal } = domainFolder(this.stateFolder, domainUuid);
    try {
      const handle = await open(journal, O_RDWR | O_NOFOLLOW | O_NONBLOCK);
      try {
        const { end, checksum } = await lastLine(handle);
        await handle.write(formatMark(mark, checksum), end);
        await handle.datasync();
      } finally {
        await handle.close();
      }
    } catch (thrown) {
      throw systemError(thrown, `cannot write file '${journal}'`);
    }
  }
}

/** What the next line goes on from. A line that was cut off by a crash is taken away. */
async function lastLine(handle: FileHandle): Promise<{ end: number; checksum: string }> {
  const { size } = await handle.stat();
  const end = await lineEndBefore(handle, size);
  if (end < size) await handle.truncate(end);
  const start = await lineEndBefore(handle, end - 1);
  const { buffer } = await handle.read(Buffer.alloc(CHECKSUM_DIGITS), 0, CHECKSUM_DIGITS, start);
  return { end, checksum: buffer.toString("latin1") };
}

/** The last place in a file, up to one, behind the end of a line. The first line may be very long. */
async function lineEndBefore(handle: FileHandle, limit: number): Promise<number> {
  for (let end = limit; end > 0;) {
    const start = Math.max(0, end - CHUNK_BYTES);
    const { buffer } = await handle.read(Buffer.alloc(end - start), 0, end - start, start);
    const found = lastLineEnd(buffer);
    if (found > 0) return start + found;
    end = start;
  }
  return 0;
}

function asRecoveryFailure(thrown: unknown, uuid: string): DomsnapError {
  const { detail, hint } =
    thrown instanceof DomsnapError && thrown.code === "recovery-failed"
      ? thrown
      : systemError(thrown, "cannot read the journal");
  return new DomsnapError("recovery-failed", detail, {
    cause: thrown,
    effect: "partial",
    hint: withWayOut(hint, { uuid }),
  });
}
