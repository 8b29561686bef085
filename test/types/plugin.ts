// Compiled by `npm run types`, never run: what outside users may rely on, and what they may not do.
import type * as library from "../../src/index.js";
import type * as api from "../../src/plugin.js";
import { has, same } from "./support/same.js";

/** The types of `domsnap/plugin`. All have to be there. */
export type Names = [
  api.AnyWork,
  api.BackendId,
  api.BackendProfile,
  api.CallRules<"live">,
  api.Capture,
  api.CaptureStep,
  api.Connection,
  api.ConnectionProvider,
  api.Consistency,
  api.CreateFlag,
  api.CreateFlags,
  api.DefinitionProblem,
  api.DeleteFlag,
  api.DeleteFlags,
  api.DiskBackend,
  api.DiskOperation,
  api.DiskOperations,
  api.DiskRelocation,
  api.DiskSnapshot,
  api.DiskSource,
  api.DiskVerdict,
  api.DiskWish,
  api.Domain,
  api.DomainDefinition,
  api.DomainDisk,
  api.DomainLock,
  api.DomainOperation,
  api.DomainOperations,
  api.DomainPower,
  api.DomainRegistry,
  api.DomainSnapshot,
  api.DomainState,
  api.DomsnapError,
  api.DomsnapErrorOptions,
  api.DriverRules,
  api.ErrorCode,
  api.ErrorEffect,
  api.ErrorKind,
  api.Evidence,
  api.ExportFormat,
  api.ExportOptions,
  api.ExportProgress,
  api.ExportTree,
  api.ExportedFiles,
  api.ExternalKind,
  api.FileBefore,
  api.FileFact,
  api.FilePersistence,
  api.FileProbe,
  api.Flags<"live">,
  api.ForwardOperation,
  api.HostFile,
  api.HostFiles,
  api.Identified,
  api.Identity,
  api.ImageFormat,
  api.ImageInfo,
  api.ImageInspector,
  api.ImageRef,
  api.ImageSnapshot,
  api.ImportItem,
  api.ImportMaterial,
  api.ImportSource,
  api.Journal,
  api.JournalBeginning,
  api.JournalEntry,
  api.ListFlag,
  api.ListFlags,
  api.LiveGuests,
  api.LockHolder,
  api.LockOptions,
  api.MemoryPersistence,
  api.MemorySnapshot,
  api.MergeStep,
  api.Offer,
  api.Operation,
  api.OperationContext,
  api.OperationKind,
  api.OperationMeasures,
  api.OperationOf<"disks.snapshot">,
  api.OperationProgress,
  api.OperationTable<"disks.remove">,
  api.OperationWork<api.OperationOf<"disks.remove">>,
  api.ParseSnapshotOptions,
  api.ParsedSnapshot,
  api.Persistence,
  api.Plan,
  api.QuiesceMode,
  api.RecordOperation,
  api.RecordOperations,
  api.RecordProblem,
  api.RecordViews,
  api.RemoveStep,
  api.RevertFlag,
  api.RevertFlags,
  api.RevertStep,
  api.Settled,
  api.SnapshotCopy,
  api.SnapshotDocuments,
  api.SnapshotExchange,
  api.SnapshotForm,
  api.SnapshotHead,
  api.SnapshotIndex,
  api.SnapshotInside,
  api.SnapshotMode,
  api.SnapshotOverlay,
  api.SnapshotState,
  api.SnapshotStep,
  api.SnapshotStore,
  api.SnapshotTree<api.SnapshotHead>,
  api.StartMemory,
  api.StorageType,
  api.StoredFile,
  api.Toolstack,
  api.UndoableKind,
  api.UndoableOperation,
  api.UndoableWork<api.OperationOf<"disks.snapshot">>,
  api.Verb,
  api.ViewProblem,
];

/** What is the same as in `domsnap`. */
type Shared =
  | "CONSISTENCIES"
  | "CREATE_FLAGS"
  | "DELETE_FLAGS"
  | "ERROR_CATALOGUE"
  | "EXIT"
  | "IMAGE_FORMATS"
  | "LIST_FLAGS"
  | "QUIESCE_MODES"
  | "RANK"
  | "REVERT_FLAGS"
  | "SNAPSHOT_MODES"
  | "SNAPSHOT_STATES"
  | "STORAGE_TYPES"
  | "ancestorsOf"
  | "asDomsnapError"
  | "buildSnapshotTree"
  | "childrenOf"
  | "descendantsOf"
  | "disksStandAlone"
  | "domsnapRules"
  | "domsnapXenRules"
  | "emptiedBy"
  | "imageOfDisk"
  | "isActive"
  | "isEmptyDrive"
  | "isExternalSnapshot"
  | "isTemporaryName"
  | "oldestFirst"
  | "qemuRules"
  | "settled"
  | "tagOf"
  | "temporaryName"
  | "testRules"
  | "topologicalOrder";
same<{ [Name in Shared]: (typeof api)[Name] }, { [Name in Shared]: (typeof library)[Name] }>(true);
same<typeof api.DomsnapError, typeof library.DomsnapError>(true);

same<
  keyof api.BackendProfile,
  "id" | "summary" | "externalKind" | "defaultFormat" | "offer" | "forms"
>(true);
same<
  api.BackendProfile["offer"],
  (disk: api.DomainDisk, form: api.SnapshotForm) => api.Offer | undefined
>(true);
same<api.BackendProfile["forms"], (disk: api.DomainDisk) => readonly api.SnapshotForm[]>(true);
same<
  api.DiskBackend["assess"],
  (disk: api.DomainDisk, wish: api.DiskWish) => Promise<api.DiskVerdict>
>(true);
same<api.DiskBackend["inspect"], (image: api.ImageRef) => Promise<api.ImageInfo>>(true);
same<
  api.DiskBackend["findDependents"],
  (image: api.ImageRef, candidates?: readonly string[]) => Promise<readonly string[]>
>(true);
same<api.DiskBackend["operations"], api.DiskOperations>(true);
same<api.ExternalKind, "overlay" | "copy">(true);
same<
  api.DiskVerdict,
  | { readonly possible: true }
  | { readonly possible: false; readonly reason: string; readonly remedy: string }
>(true);
same<api.DiskOperations, api.OperationTable<api.DiskOperation["kind"]>>(true);
same<api.DomainOperations, api.OperationTable<api.DomainOperation["kind"]>>(true);
same<api.Settled, "done" | "not-done">(true);
same<api.Evidence["token"], string>(true);
same<api.Evidence["found"], (place: string) => api.Identity | undefined>(true);
same<api.Evidence["made"], (place: string) => readonly api.Identity[]>(true);
same<api.Evidence["record"], (place: string, identity: api.Identity) => Promise<void>>(true);
same<api.ConnectionProvider["open"], (uri: string) => Promise<api.Connection>>(true);
same<api.Toolstack["listDomains"], () => Promise<readonly api.Domain[]>>(true);
same<api.Toolstack["findDomain"], (reference: string) => Promise<api.Domain>>(true);
same<api.FilePersistence, (stateFolder: string) => api.Persistence>(true);
same<api.MemoryPersistence, () => api.Persistence>(true);
same<keyof api.Persistence, "store" | "journal" | "lock">(true);
has<
  api.DiskOperation["kind"],
  | "disks.snapshot"
  | "disks.stage"
  | "disks.revert"
  | "disks.merge"
  | "disks.remove"
  | "disks.discard"
>();
has<
  api.DomainOperation["kind"],
  "domain.define" | "domain.start" | "domain.stop" | "domain.resume"
>();

const done = () => Promise.resolve();
const isDone = () => Promise.resolve("done" as const);
const profile = {
  id: "mine",
  summary: "what mine does",
  externalKind: "copy",
  defaultFormat: "raw",
  offer: () => ({ rank: 100, reason: "it can" }),
  forms: () => [{ mode: "external", format: "raw" }],
} as const satisfies api.BackendProfile;

/** The least that a backend has. */
export const backend: api.DiskBackend = {
  ...profile,
  assess: () => Promise.resolve({ possible: true }),
  inspect: ({ path, format }) =>
    Promise.resolve({ path, format, virtualSizeBytes: 0, allocatedBytes: 0, snapshots: [] }),
  findDependents: () => Promise.resolve([]),
  operations: { "disks.snapshot": { run: done, settle: isDone, undo: done } },
};

export const refusing: api.DiskVerdict[] = [
  { possible: true },
  { possible: false, reason: "it is on tape", remedy: "Move it to a disk." },
  // @ts-expect-error: a no has a remedy
  { possible: false, reason: "it is on tape" },
];

export const operations: api.DiskOperations = {
  "disks.remove": { run: done, settle: isDone },
  // @ts-expect-error: what can stand before the commit point can be undone
  "disks.snapshot": { run: done, settle: isDone },
  // @ts-expect-error: an answer of `settle` is one of two words
  "disks.discard": { run: done, settle: () => Promise.resolve(true) },
};

export const misplaced: api.DiskOperations = {
  // @ts-expect-error: domains are a toolstack's
  "domain.define": { run: done, settle: isDone, undo: done },
};

// @ts-expect-error: a backend says how a snapshot of a disk can be made
export const silent: api.BackendProfile = { ...profile, offer: undefined };

/** The least that a toolstack has. */
export const toolstack: api.Toolstack = {
  uri: "mine:///",
  rules: {} as api.DriverRules,
  touchesImages: true,
  listDomains: () => Promise.resolve([]),
  findDomain: () => Promise.reject(new Error("none")),
  operations: {},
};

/** The least that others have. */
export const source: api.ImportSource = {
  id: "mine",
  summary: "what mine reads",
  recognizes: () => Promise.resolve(false),
  read: () => Promise.resolve({ items: [], problems: [] }),
};
export const format: api.ExportFormat = {
  id: "mine",
  summary: "what mine writes",
  copiesImages: false,
  write: () => Promise.resolve({ files: [], warnings: [] }),
};
export const inspector: api.ImageInspector = {
  id: "mine",
  summary: "what mine reads",
  rank: () => undefined,
  inspect: (image) => backend.inspect(image),
  findDependents: () => Promise.resolve([]),
};

// @ts-expect-error: the use cases are of `domsnap`
export type NoService = api.SnapshotService;
