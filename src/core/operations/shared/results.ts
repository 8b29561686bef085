import type { DomsnapError } from "../../errors/index.js";
import type { ProgressEvent } from "../../execute/progress-event.js";
import type {
  Domain,
  DomainName,
  DomainSnapshot,
  ListFlags,
  Offer,
  QuiesceMode,
  SnapshotHead,
} from "../../model/index.js";
import type { Operation, Plan, Verb } from "../../model/operation.js";
import type { Finding, PathMapping, RetentionChoice, RetentionPolicy } from "../../rules/index.js";
import type {
  DiskVerdict,
  JournalEntry,
  LockHolder,
  OperationMeasures,
  RecordProblem,
} from "../../ports/index.js";

/** Given to every call that may change something. */
export interface ChangeOptions {
  /** Plan and check everything, change nothing; the result holds the plan. */
  readonly dryRun?: boolean;
  /** Aborting rolls back, as long as the commit point is not passed. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (event: ProgressEvent) => void;
  /**
   * Images, definitions and records that are lost for good, each as the error `image-unreachable`
   * names it: what cannot be looked at because of them counts as needed by nobody.
   */
  readonly assumeLost?: readonly string[];
  /**
   * Folders, with all below, in which files of this domain may be beside those that it is known to
   * use; see `Trust`.
   */
  readonly trustFolders?: readonly string[];
  /** How long to wait for another domsnap on the same domain. Default 30 s. */
  readonly lockTimeoutMs?: number;
}

/** Given to a check: what lies outside of a domain's folders is told, and no repair offered for it. */
export type CheckOptions = Pick<ChangeOptions, "trustFolders">;

export interface CreateOptions extends ChangeOptions {
  /** Default: as the flag `quiesce` says. */
  readonly quiesce?: QuiesceMode;
  /**
   * Which disk backend is to keep a disk, by the name that the document has for the disk (or would
   * have). Any other disk is kept by the connection's default if it can, else by the best one.
   */
  readonly backends?: ReadonlyMap<string, string>;
  /**
   * Of a redefinition: the snapshot whose document was edited, with the document that the editor
   * began with (`getXml`, secure). What documents cannot tell is taken from its record, and
   * `record-changed` is thrown when that is another by now, or gone.
   */
  readonly original?: { readonly name: string; readonly document: string };
}

/** What holds for all calls of a connection. */
export interface ServiceOptions {
  readonly backends?: {
    /**
     * Id of the disk backend that keeps every new snapshot of a disk that it can keep; other disks
     * are kept by the best one. `CreateOptions.backends` counts more.
     */
    readonly default?: string;
  };
  /** Folders, with all below, in which files of every domain may be; see `Trust`. */
  readonly trustedFolders?: readonly string[];
}

export interface RevertOptions extends ChangeOptions {
  /**
   * Keep the present state as a snapshot first, with the memory of an active guest. Both are
   * planned before anything is done; when the revert fails all the same, the snapshot stays.
   */
  readonly keepCurrent?: boolean;
}

export interface UndefineOptions extends ChangeOptions {
  /** Remove the records of all snapshots as well; their images stay. */
  readonly snapshotsMetadata?: boolean;
}

export interface ChangeResult {
  readonly domain: Pick<Domain, "name" | "uuid">;
  /** One plan, or several when descendants are deleted: in the order of execution. */
  readonly plans: readonly Plan[];
  /** False for a dry run. */
  readonly executed: boolean;
  readonly warnings: readonly string[];
  /** Missing where no active guest was touched. */
  readonly measures?: OperationMeasures;
}

export type RecoveryOutcome = "rolled-back" | "completed";

/** A change that has begun and not ended: by a process at work, or by one that is gone. */
export interface OpenOperation {
  readonly verb: Verb;
  readonly snapshot: string;
  readonly owner: JournalEntry["owner"];
  /** How many operations of its plan are finished, of how many. */
  readonly finished: number;
  readonly total: number;
  /** What recovery does about it if its process dies now. */
  readonly next: RecoveryOutcome;
}

/** How interrupted changes are settled. */
export interface RecoverOptions extends ChangeOptions {
  /**
   * Asked where programs of a process that is gone are still at work, in words, whether they are to be
   * ended. Without it they are waited for.
   */
  readonly endOrphans?: (orphans: readonly string[]) => Promise<boolean>;
}

/** What recovery found and did for one domain. */
export interface Recovery {
  readonly domain: Pick<Domain, "name" | "uuid">;
  /** Missing when the journal cannot be read. */
  readonly operation?: OpenOperation;
  /** Missing for a dry run, and when it failed. */
  readonly outcome?: RecoveryOutcome;
  readonly error?: DomsnapError;
}

/** How far one operation of an interrupted change came. */
export interface OperationState {
  readonly operation: Operation;
  /** One that has begun may have happened in part. */
  readonly state: "done" | "begun" | "not-begun";
}

/** An interrupted change that is given up, and what it leaves behind. */
export interface Abandonment {
  readonly domain: Pick<Domain, "name" | "uuid">;
  /** Missing when the journal cannot be read. */
  readonly operation?: OpenOperation;
  readonly operations: readonly OperationState[];
  /** Files that the change has made and that are there, by their present names. They stay. */
  readonly files: readonly string[];
  /** Why the journal cannot be read. */
  readonly error?: DomsnapError;
  /** Where the journal is kept; missing for a dry run. */
  readonly keptAt?: string;
}

/** A domain that is being changed, or whose last change was interrupted. */
export interface LockInfo {
  readonly domain: Pick<Domain, "name" | "uuid">;
  readonly holder?: LockHolder;
  readonly operation?: OpenOperation;
  /** Why the journal cannot be read. */
  readonly error?: DomsnapError;
}

/** What is wrong with the snapshots of one domain. */
export interface CheckReport {
  readonly domain: Pick<Domain, "name" | "uuid">;
  readonly findings: readonly Finding[];
}

export interface PruneFailure {
  readonly name: string;
  readonly error: DomsnapError;
}

/** Which snapshots a prune looks at, and which of them it keeps. */
export interface PruneRequest {
  /** Missing: each label is a series of its own. */
  readonly label?: string;
  readonly policy: RetentionPolicy;
  /** Delete none but these, whatever the rules say now: what was listed, and agreed to. */
  readonly agreed?: readonly string[];
}

/** What a prune keeps and deletes. */
export interface PruneResult {
  readonly domain: Pick<Domain, "name" | "uuid">;
  /** Every snapshot that the rules were asked about. */
  readonly choices: readonly RetentionChoice[];
  /** In the order of deletion; those that would be deleted, for a dry run. */
  readonly removed: readonly string[];
  readonly failures: readonly PruneFailure[];
  readonly warnings: readonly string[];
  readonly executed: boolean;
}

export interface CreateResult extends ChangeResult {
  readonly snapshot: DomainSnapshot;
}

export interface RevertResult extends ChangeResult {
  /** The snapshot that holds the state before; missing when it was not kept. */
  readonly kept?: string;
}

export interface ImportRequest {
  /** A path, a URI or a word that an import source recognises. */
  readonly source: string;
  /** The kind of the source, when it is not to be guessed. */
  readonly from?: string;
  /** Missing: the one domain that the source is about, by its uuid. */
  readonly domain?: string;
  readonly mappings?: readonly PathMapping[];
  /** New names of snapshots, by their old ones. */
  readonly renames?: ReadonlyMap<string, string>;
  /** Give a free name (`NAME-2`) to a snapshot whose name another one has; else it is skipped. */
  readonly renameTaken?: boolean;
  /** Turn QEMU's definitions and disk names into Xen's. */
  readonly toXen?: boolean;
  /** Do not look at the images. */
  readonly metadataOnly?: boolean;
  /** Define the domain from the source if the connection does not know it. */
  readonly define?: boolean;
}

export interface ExportRequest {
  /** `libvirt`, `redefine`, `xl`, `bundle`, or that of an outside package. */
  readonly format: string;
  /** Absolute path; made if it is not there. */
  readonly folder: string;
  /** Copy the images and saved memory, too; only some formats can. */
  readonly images?: boolean;
}

export interface ExportResult {
  readonly domain: Pick<Domain, "name" | "uuid">;
  /** Absolute paths, in the order of writing. */
  readonly files: readonly string[];
  readonly snapshots: number;
  /** False for a dry run; then the files are those that would be written. */
  readonly executed: boolean;
  readonly warnings: readonly string[];
}

/** What became of one snapshot of a source. */
export interface ImportEntry {
  readonly origin: string;
  /** Its name here; missing for what could not be read. */
  readonly name?: string;
  /** `adapted` is imported with changes, which the details tell. */
  readonly outcome: "imported" | "adapted" | "unchanged" | "skipped";
  readonly details: readonly string[];
}

export interface ImportResult extends ChangeResult {
  readonly entries: readonly ImportEntry[];
  /** The current snapshot afterwards, if the import set it. */
  readonly current?: string;
}

export interface ListQuery {
  /** List what is below this snapshot instead of all: its children, or all descendants. */
  readonly from?: string;
  readonly descendants?: boolean;
  readonly flags?: ListFlags;
}

export interface SnapshotListing {
  readonly domain: DomainName;
  /** Filtered; depth first with the newest sibling first. */
  readonly heads: readonly SnapshotHead[];
  readonly current?: string;
  /** Names of listed snapshots whose parent does not exist. */
  readonly orphans: ReadonlySet<string>;
  readonly problems: readonly RecordProblem[];
}

export interface SnapshotInfo {
  readonly domain: DomainName;
  readonly head: SnapshotHead;
  readonly current: boolean;
  readonly external: boolean;
  readonly children: number;
  readonly descendants: number;
}

/** What can be done with one disk: by form, and of one form by backend, who is taken first. */
export interface DiskCapabilities {
  readonly target: string;
  readonly image?: string;
  readonly format?: string;
  /** Whether a snapshot without further words takes this disk. */
  readonly selectedByDefault: boolean;
  readonly forms: readonly {
    readonly mode: "internal" | "external";
    readonly format?: string;
    /** Missing: no backend has this form of such a disk. */
    readonly backend?: string;
    /** How well the disk suits the backend, by their descriptions alone. */
    readonly offer?: Offer;
    /** Whether it is taken, possible or not, where only the mode is asked for. */
    readonly byDefault: boolean;
    /** Whether it is possible here and now; see `DiskBackend.assess`. */
    readonly verdict: DiskVerdict;
  }[];
}
