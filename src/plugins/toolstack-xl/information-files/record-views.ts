import { rename } from "node:fs/promises";

import { asDomsnapError } from "../../../core/errors/index.js";
import type { DomainSnapshot, SnapshotHead } from "../../../core/model/index.js";
import type { RecordViews, SnapshotStore, ViewProblem } from "../../../core/ports/index.js";
import { renameDurably, unlinkDurably } from "../../../host/durable-files.js";
import { ensureStateFolder, writeStateFile, writeStateFiles } from "../../../host/state-files.js";
import { formatInformationView, isInformationView } from "../../../xl-snapshot/index.js";
import type { InformationFolder, InformationListing } from "./information-folder.js";

/**
 * `snapshotdata-NAME.xl` beside each record, for the programs that read those. The record is the
 * truth, and a view that cannot be written fails nothing:
 *
 * 1. the new view is written as `snapshotdata-NAME.xl.next`, durably;
 * 2. the record is written;
 * 3. the view is renamed.
 *
 * Whatever happens in between, a name in the folder tells of it: a `.next`, or a record without a
 * view. It is put right at once if possible, and else by whoever next takes the domain's lock.
 * Views go before their record does, so
 * that none outlives it and looks like the file of another program.
 */
export class InformationViews implements RecordViews {
  constructor(
    private readonly records: SnapshotStore,
    private readonly folderOf: (domainUuid: string) => InformationFolder,
  ) {}

  /** Runs `write`, which writes the records of these snapshots, with their views around it. */
  async around(
    domainUuid: string,
    snapshots: readonly DomainSnapshot[],
    write: () => Promise<void>,
  ): Promise<void> {
    const folder = this.folderOf(domainUuid);
    const prepared = await attempt(() => prepare(folder, snapshots));
    await write();
    for (const view of prepared ?? []) await attempt(() => rename(folder.waiting(view), view));
    // Without a name that tells of it, this is the last chance before somebody checks.
    if (!prepared)
      for (const { name } of snapshots) await attempt(() => this.renew(domainUuid, name));
  }

  /** Removes all that describes a snapshot, before its record goes. Throws `system-error`. */
  async remove(domainUuid: string, name: string): Promise<void> {
    const folder = this.folderOf(domainUuid);
    const view = folder.view(name);
    const ours = view === undefined ? [] : [view, folder.waiting(view)];
    for (const path of [...ours, folder.prototype(name)]) await unlinkDurably(path);
  }

  /** Puts right what the names in the folder tell of. Never throws. */
  async mend(domainUuid: string): Promise<void> {
    const folder = this.folderOf(domainUuid);
    const listing = await attempt(() => folder.list());
    if (!listing) return;
    const { records, views, waiting } = listing;
    const lacking = [...records].filter((name) => !views.has(name));
    for (const name of new Set([...lacking, ...waiting]))
      await attempt(() => this.#renew(domainUuid, name, listing));
  }

  async renew(domainUuid: string, name: string): Promise<void> {
    await this.#renew(domainUuid, name, this.folderOf(domainUuid).list());
  }

  async #renew(
    domainUuid: string,
    name: string,
    { records, waiting }: Pick<InformationListing, "records" | "waiting">,
  ): Promise<void> {
    const folder = this.folderOf(domainUuid);
    const view = folder.view(name);
    if (view === undefined) return;
    if (records.has(name)) {
      const content = contentOf(folder, await this.records.read(domainUuid, name));
      // What is there already needs no room on the disk.
      if (waiting.has(name) && folder.readWaiting(view) === content)
        return renameDurably(folder.waiting(view), view);
      await writeStateFile(view, content);
    } else if (isInformationView(folder.readView(name) ?? "")) await unlinkDurably(view);
    if (waiting.has(name)) await unlinkDurably(folder.waiting(view));
  }

  async check(domainUuid: string): Promise<readonly ViewProblem[]> {
    const folder = this.folderOf(domainUuid);
    const { records, views, waiting } = folder.list();
    const problems: ViewProblem[] = [];
    for (const name of new Set([...records, ...views, ...waiting])) {
      const path = folder.view(name);
      const reason = await this.#problemOf(domainUuid, name, records.has(name), waiting.has(name));
      if (path !== undefined && reason !== undefined)
        problems.push({ path, snapshot: name, reason });
    }
    return problems;
  }

  async #problemOf(
    domainUuid: string,
    name: string,
    isRecorded: boolean,
    isWaiting: boolean,
  ): Promise<string | undefined> {
    const folder = this.folderOf(domainUuid);
    if (isWaiting) return "it was being written";
    try {
      const text = folder.readView(name);
      if (!isRecorded) return isInformationView(text ?? "") ? "its record is not there" : undefined;
      const record = await this.records.read(domainUuid, name);
      if (text === undefined) return "it is not there";
      if (text !== contentOf(folder, record)) return "it tells something else than its record";
      return undefined;
    } catch (thrown) {
      const { code, message } = asDomsnapError(thrown);
      // That is a finding of its own.
      return code === "record-unreadable" ? undefined : message;
    }
  }
}

/** Writes the views that wait for their records, and gives their paths to be. */
async function prepare(
  folder: InformationFolder,
  snapshots: readonly DomainSnapshot[],
): Promise<string[]> {
  await ensureStateFolder(folder.path);
  const views = snapshots.flatMap((snapshot) => {
    const view = folder.view(snapshot.name);
    return view === undefined ? [] : [{ view, snapshot }];
  });
  await writeStateFiles(
    views.map(({ view, snapshot }) => ({
      path: folder.waiting(view),
      content: () => contentOf(folder, snapshot),
    })),
  );
  return views.map(({ view }) => view);
}

function contentOf(folder: InformationFolder, snapshot: SnapshotHead): string {
  let before: string | undefined;
  try {
    before = folder.readView(snapshot.name);
  } catch {
    // A link, or no text: nothing of it is kept.
  }
  return formatInformationView(snapshot, folder.path, before);
}

/** What cannot be done now is seen in the folder, and done by the next who takes the lock. */
async function attempt<Result>(work: () => Promise<Result> | Result): Promise<Result | undefined> {
  try {
    return await work();
  } catch {
    return undefined;
  }
}
