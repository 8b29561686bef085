import type { DomainSnapshot, SnapshotHead } from "../model/index.js";

/** A record that could not be read; it hides no other. */
export interface RecordProblem {
  /** What it is: a file path. */
  readonly record: string;
  readonly reason: string;
  /** What would make it readable, where that is known; a sentence. */
  readonly remedy?: string;
  /** The snapshot whose record it is by its name. That name is taken. */
  readonly snapshot?: string;
  /** Set when it is not a record, but the mark of the current snapshot. */
  readonly about?: "current";
}

/** An entry of the folder of a domain, or that folder. */
export interface StoredFile {
  readonly path: string;
  readonly known: boolean;
}

/** A view that does not tell what its record says. */
export interface ViewProblem {
  readonly path: string;
  readonly snapshot: string;
  readonly reason: string;
}

/** What a store keeps beside its records for other programs, made from the records alone. */
export interface RecordViews {
  /** Reads all of them. Throws `system-error`. */
  check(domainUuid: string): Promise<readonly ViewProblem[]>;
  /** Writes the view of a record anew, or removes one without a record. Idempotent. */
  renew(domainUuid: string, snapshot: string): Promise<void>;
}

/** All records of a domain, as far as a list needs them. */
export interface SnapshotIndex {
  /** In link order, oldest first. */
  readonly heads: readonly SnapshotHead[];
  /** Name of the current snapshot; missing when there is none or when it does not exist. */
  readonly current?: string;
  readonly problems: readonly RecordProblem[];
}

/** Where the records of snapshots live. Every write is atomic and durable when it returns. */
export interface SnapshotStore {
  readonly views?: RecordViews;
  /** Throws `config-unsupported`/`xml-detail` with libvirt's text for a name it cannot hold. */
  assertName(name: string): void;
  /** Heads of all snapshots of a domain, linear in their number. An unknown domain has none. */
  index(domainUuid: string): Promise<SnapshotIndex>;
  /** One complete record. Throws `no-domain-snapshot` or `record-unreadable`. */
  read(domainUuid: string, name: string): Promise<DomainSnapshot>;
  /** Where everything about a domain is kept, also before it is; missing for a store without files. */
  folder?(domainUuid: string): string;
  /** Uuids of the domains that have records. */
  domains(): Promise<readonly string[]>;
  /** Every file that it keeps for a domain, by name, and whether it has put it there. */
  files(domainUuid: string): Promise<readonly StoredFile[]>;
  /** Creates or replaces the record of `snapshot.name`. */
  write(domainUuid: string, snapshot: DomainSnapshot): Promise<void>;
  /**
   * The same for many, in their order, for less than that many times the price of one. Each record
   * is atomic; when it throws, some of them may be there.
   */
  writeAll(domainUuid: string, snapshots: readonly DomainSnapshot[]): Promise<void>;
  /** Removes a record; one that is not there is no error. */
  remove(domainUuid: string, name: string): Promise<void>;
  setCurrent(domainUuid: string, name: string | undefined): Promise<void>;
}
