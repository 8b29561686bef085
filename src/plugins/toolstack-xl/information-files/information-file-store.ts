import { asDomsnapError, DomsnapError } from "../../../core/errors/index.js";
import {
  oldestFirst,
  type DomainDefinition,
  type DomainSnapshot,
  type SnapshotHead,
} from "../../../core/model/index.js";
import type {
  RecordProblem,
  SnapshotIndex,
  SnapshotStore,
  StoredFile,
} from "../../../core/ports/index.js";
import { withDefinitionOf } from "../../../qemu-images/foreign-snapshot.js";
import { parseInformationFileName } from "../../../xl-snapshot/index.js";
import type { InformationFolder } from "./information-folder.js";
import type { InformationViews } from "./record-views.js";

export interface InformationFileStoreParts {
  readonly records: SnapshotStore;
  readonly views: InformationViews;
  readonly folderOf: (domainUuid: string) => InformationFolder;
  /** The present definition of a domain; undefined for one that is not known. */
  readonly definitionOf: (domainUuid: string) => Promise<DomainDefinition | undefined>;
}

/**
 * A store of records with an information file beside each. A file of another program that has no
 * record is a snapshot, too: without a parent, and with the present definition of the domain. It
 * gets a record when something is first written about it.
 */
export class InformationFileStore implements SnapshotStore {
  readonly views: InformationViews;

  constructor(private readonly parts: InformationFileStoreParts) {
    this.views = parts.views;
  }

  assertName(name: string): void {
    this.parts.records.assertName(name);
  }

  folder(domainUuid: string): string {
    return this.parts.folderOf(domainUuid).path;
  }

  domains(): Promise<readonly string[]> {
    return this.parts.records.domains();
  }

  async index(domainUuid: string): Promise<SnapshotIndex> {
    const index = await this.parts.records.index(domainUuid);
    const problems: RecordProblem[] = [...index.problems];
    const foreign = this.#foreignNames(domainUuid).flatMap((name) =>
      this.#foreignHead(domainUuid, name, problems),
    );
    if (foreign.length === 0 && problems.length === index.problems.length) return index;
    return { ...index, problems, heads: [...index.heads, ...foreign].sort(oldestFirst) };
  }

  async read(domainUuid: string, name: string): Promise<DomainSnapshot> {
    try {
      return await this.parts.records.read(domainUuid, name);
    } catch (thrown) {
      const isMissing = asDomsnapError(thrown).code === "no-domain-snapshot";
      const foreign = isMissing ? await this.#readForeign(domainUuid, name) : undefined;
      if (foreign) return foreign;
      throw thrown;
    }
  }

  /** Saved memory has its place beside the records as well. */
  async files(domainUuid: string): Promise<readonly StoredFile[]> {
    const files = await this.parts.records.files(domainUuid);
    const { heads } = await this.index(domainUuid);
    const saves = new Set(heads.map(({ name }) => `${name}.save`));
    return files.map(({ path, known }) => {
      const fileName = path.slice(path.lastIndexOf("/") + 1);
      const isView = parseInformationFileName(fileName.replace(/\.next$/, "")) !== undefined;
      return { path, known: known || isView || saves.has(fileName) };
    });
  }

  write(domainUuid: string, snapshot: DomainSnapshot): Promise<void> {
    return this.views.around(domainUuid, [snapshot], () =>
      this.parts.records.write(domainUuid, snapshot),
    );
  }

  writeAll(domainUuid: string, snapshots: readonly DomainSnapshot[]): Promise<void> {
    return this.views.around(domainUuid, snapshots, () =>
      this.parts.records.writeAll(domainUuid, snapshots),
    );
  }

  async remove(domainUuid: string, name: string): Promise<void> {
    if (this.#isName(name)) await this.views.remove(domainUuid, name);
    await this.parts.records.remove(domainUuid, name);
  }

  /** What is current has a record. */
  async setCurrent(domainUuid: string, name: string | undefined): Promise<void> {
    if (name !== undefined && this.#foreignNames(domainUuid).includes(name))
      await this.write(domainUuid, await this.read(domainUuid, name));
    await this.parts.records.setCurrent(domainUuid, name);
  }

  async #readForeign(domainUuid: string, name: string): Promise<DomainSnapshot | undefined> {
    // A name that no record can have could lead out of the folder.
    if (!this.#isName(name)) return undefined;
    let snapshot: DomainSnapshot | undefined;
    try {
      snapshot = this.parts.folderOf(domainUuid).readForeign(name);
    } catch (thrown) {
      const reason = asDomsnapError(thrown).message;
      const detail = `the information file of snapshot '${name}' cannot be read: ${reason}`;
      throw new DomsnapError("record-unreadable", detail, { cause: thrown });
    }
    if (!snapshot) return undefined;
    const definition = await this.parts.definitionOf(domainUuid);
    return definition ? withDefinitionOf(snapshot, definition) : snapshot;
  }

  #isName(name: string): boolean {
    try {
      this.assertName(name);
      return true;
    } catch {
      return false;
    }
  }

  /** Snapshots that have a description and no record. */
  #foreignNames(domainUuid: string): string[] {
    const { records, views, prototypes } = this.parts.folderOf(domainUuid).list();
    return [...new Set([...views, ...prototypes])].filter((name) => !records.has(name));
  }

  #foreignHead(domainUuid: string, name: string, problems: RecordProblem[]): SnapshotHead[] {
    const folder = this.parts.folderOf(domainUuid);
    try {
      const snapshot = folder.readForeign(name);
      if (!snapshot) return [];
      this.assertName(name);
      return [snapshot];
    } catch (thrown) {
      const record = folder.view(name) ?? folder.prototype(name);
      problems.push({ record, reason: asDomsnapError(thrown).message });
      return [];
    }
  }
}

/** Oldest first, as the records are. */
