// Compiled by `npm run types`, never run: what outside users may rely on, and what they may not do.
import type { Container, ContainerModule } from "inversify";

import type * as api from "../../src/index.js";
import { has, same } from "./support/same.js";

/** The types of `domsnap`. All have to be there. */
export type Names = [
  api.BackendId,
  api.CallRules<"live">,
  api.Capture,
  api.CaptureStep,
  api.ChangeOptions,
  api.ChangeResult,
  api.CheckOptions,
  api.CheckReport,
  api.Consistency,
  api.CreateFlag,
  api.CreateFlags,
  api.CreateOptions,
  api.CreateResult,
  api.DeleteFlag,
  api.DeleteFlags,
  api.DiskCapabilities,
  api.DiskOperation,
  api.DiskSnapshot,
  api.DiskSource,
  api.Domain,
  api.DomainDefinition,
  api.DomainDisk,
  api.DomainOperation,
  api.DomainSnapshot,
  api.DomainState,
  api.DomsnapError,
  api.DomsnapErrorOptions,
  api.DriverRules,
  api.ErrorCode,
  api.ErrorEffect,
  api.ErrorKind,
  api.ExportRequest,
  api.ExportResult,
  api.FileBefore,
  api.Flags<"live">,
  api.ForwardOperation,
  api.ImageFormat,
  api.ImageRef,
  api.ImportEntry,
  api.ImportRequest,
  api.ImportResult,
  api.ListFlag,
  api.ListFlags,
  api.ListQuery,
  api.LockInfo,
  api.MemorySnapshot,
  api.MergeStep,
  api.Offer,
  api.OpenOperation,
  api.Operation,
  api.OperationKind,
  api.OperationOf<"disks.snapshot">,
  api.Plan,
  api.ProgressEvent,
  api.PruneFailure,
  api.PruneRequest,
  api.PruneResult,
  api.QuiesceMode,
  api.RecordOperation,
  api.Recovery,
  api.RecoveryOutcome,
  api.RemoveStep,
  api.RevertFlag,
  api.RevertFlags,
  api.RecoverOptions,
  api.RevertOptions,
  api.RevertResult,
  api.RevertStep,
  api.ServiceOptions,
  api.Settled,
  api.SnapshotCopy,
  api.SnapshotForm,
  api.SnapshotHead,
  api.SnapshotInfo,
  api.SnapshotInside,
  api.SnapshotListing,
  api.SnapshotMode,
  api.SnapshotOverlay,
  api.SnapshotService,
  api.SnapshotState,
  api.SnapshotStep,
  api.SnapshotTree<api.SnapshotHead>,
  api.StartMemory,
  api.StorageType,
  api.UndefineOptions,
  api.UndoableKind,
  api.UndoableOperation,
  api.Verb,
];

same<typeof api.CONSISTENCIES, readonly ["crash-consistent", "filesystem", "memory"]>(true);
same<
  typeof api.CREATE_FLAGS,
  {
    readonly redefine: 1;
    readonly current: 2;
    readonly noMetadata: 4;
    readonly halt: 8;
    readonly diskOnly: 16;
    readonly reuseExternal: 32;
    readonly quiesce: 64;
    readonly atomic: 128;
    readonly live: 256;
    readonly validate: 512;
  }
>(true);
same<
  typeof api.DELETE_FLAGS,
  { readonly children: 1; readonly metadataOnly: 2; readonly childrenOnly: 4 }
>(true);
same<
  typeof api.EXIT,
  { readonly ok: 0; readonly failed: 1; readonly unfinished: 2; readonly interrupted: 130 }
>(true);
same<
  typeof api.IMAGE_FORMATS,
  readonly [
    "raw",
    "dir",
    "bochs",
    "cloop",
    "dmg",
    "iso",
    "vpc",
    "vdi",
    "fat",
    "vhd",
    "ploop",
    "cow",
    "qcow",
    "qcow2",
    "qed",
    "vmdk",
  ]
>(true);
same<
  typeof api.LIST_FLAGS,
  {
    readonly roots: 1;
    readonly metadata: 2;
    readonly leaves: 4;
    readonly noLeaves: 8;
    readonly noMetadata: 16;
    readonly inactive: 32;
    readonly active: 64;
    readonly diskOnly: 128;
    readonly internal: 256;
    readonly external: 512;
    readonly topological: 1024;
  }
>(true);
same<typeof api.QUIESCE_MODES, readonly ["require", "try", "no"]>(true);
same<
  typeof api.RANK,
  { readonly refuses: 0; readonly generic: 100; readonly suited: 200; readonly native: 300 }
>(true);
same<
  typeof api.REVERT_FLAGS,
  { readonly running: 1; readonly paused: 2; readonly force: 4; readonly resetNvram: 8 }
>(true);
same<typeof api.SNAPSHOT_MODES, readonly ["no", "internal", "external", "manual"]>(true);
same<
  typeof api.SNAPSHOT_STATES,
  readonly [
    "nostate",
    "running",
    "blocked",
    "paused",
    "shutdown",
    "shutoff",
    "crashed",
    "pmsuspended",
    "disk-snapshot",
  ]
>(true);
same<
  typeof api.STORAGE_TYPES,
  readonly ["file", "block", "dir", "network", "volume", "nvme", "vhostuser", "vhostvdpa"]
>(true);
same<
  typeof api.ancestorsOf,
  <Head extends api.SnapshotHead>(tree: api.SnapshotTree<Head>, name: string) => Head[]
>(true);
same<typeof api.asDomsnapError, (thrown: unknown, fallback?: api.ErrorCode) => api.DomsnapError>(
  true,
);
same<
  typeof api.buildSnapshotTree,
  <Head extends api.SnapshotHead>(heads: readonly Head[]) => api.SnapshotTree<Head>
>(true);
same<
  typeof api.childrenOf,
  <Head extends api.SnapshotHead>(tree: api.SnapshotTree<Head>, name: string) => readonly Head[]
>(true);
same<typeof api.createContainer, (plugins?: readonly ContainerModule[]) => Container>(true);
same<
  typeof api.descendantsOf,
  <Head extends api.SnapshotHead>(tree: api.SnapshotTree<Head>, name: string) => Head[]
>(true);
same<typeof api.disksStandAlone, (rules: api.DriverRules, active: boolean) => boolean>(true);
same<typeof api.domsnapRules, api.DriverRules>(true);
same<typeof api.domsnapXenRules, api.DriverRules>(true);
same<typeof api.emptiedBy, (value: api.MergeStep) => api.ImageRef>(true);
same<typeof api.imageOfDisk, (disk: api.DomainDisk | undefined) => api.ImageRef | undefined>(true);
same<typeof api.isActive, (domain: Pick<api.Domain, "state">) => boolean>(true);
same<typeof api.isEmptyDrive, (disk: api.DomainDisk) => boolean>(true);
same<typeof api.isExternalSnapshot, (snapshot: api.SnapshotHead) => boolean>(true);
same<typeof api.isTemporaryName, (path: string) => boolean>(true);
same<
  typeof api.oldestFirst,
  (
    a: Pick<api.SnapshotHead, "creationTime" | "name">,
    b: Pick<api.SnapshotHead, "creationTime" | "name">,
  ) => number
>(true);
same<
  typeof api.openSnapshotService,
  (uri: string, container?: Container, options?: api.ServiceOptions) => Promise<api.SnapshotService>
>(true);
same<typeof api.qemuRules, api.DriverRules>(true);
same<typeof api.settled, (isDone: boolean) => api.Settled>(true);
same<typeof api.tagOf, (value: Pick<api.SnapshotHead, "name" | "imageTag">) => string>(true);
same<typeof api.temporaryName, (path: string, purpose: string, token: string) => string>(true);
same<typeof api.testRules, api.DriverRules>(true);
same<
  typeof api.topologicalOrder,
  <Head extends api.SnapshotHead>(tree: api.SnapshotTree<Head>) => Head[]
>(true);

has<
  api.ErrorCode,
  "no-domain" | "no-domain-snapshot" | "image-missing" | "unfinished" | "locked"
>();
has<api.ErrorCode, "invalid-argument" | "operation-invalid" | "disk-unsupported" | "no-space">();
same<keyof typeof api.ERROR_CATALOGUE, api.ErrorCode>(true);
same<api.ErrorEffect, "none" | "rolled-back" | "partial">(true);
same<
  ConstructorParameters<typeof api.DomsnapError>,
  [code: api.ErrorCode, detail: string, options?: api.DomsnapErrorOptions | undefined]
>(true);
same<api.DomsnapError["code"], api.ErrorCode>(true);
same<api.DomsnapError["hint"], string | undefined>(true);
same<api.DomsnapError["effect"], api.ErrorEffect>(true);
same<api.DomsnapError["exitStatus"], number>(true);
same<
  api.DomainState,
  "nostate" | "running" | "blocked" | "paused" | "shutdown" | "shutoff" | "crashed" | "pmsuspended"
>(true);
same<api.SnapshotState, api.DomainState | "disk-snapshot">(true);
same<api.SnapshotMode, "no" | "internal" | "external" | "manual">(true);
same<api.CreateFlags, { readonly [Flag in keyof typeof api.CREATE_FLAGS]?: boolean }>(true);
same<api.DeleteFlags, { readonly [Flag in keyof typeof api.DELETE_FLAGS]?: boolean }>(true);
same<api.RevertFlags, { readonly [Flag in keyof typeof api.REVERT_FLAGS]?: boolean }>(true);
same<api.ChangeResult["plans"], readonly api.Plan[]>(true);
same<api.Plan["before"], readonly api.UndoableOperation[]>(true);
same<api.Plan["after"], readonly api.ForwardOperation[]>(true);
same<api.Domain["inactiveDefinition"], api.DomainDefinition | undefined>(true);
same<api.DomainDefinition["memoryKib"], bigint>(true);
same<api.SnapshotHead["creationTime"], bigint>(true);
same<api.RecoveryOutcome, "rolled-back" | "completed">(true);

type Service = api.SnapshotService;
same<
  Service["create"],
  (
    domain: string,
    document: string,
    flags: api.CreateFlags,
    options?: api.CreateOptions,
  ) => Promise<api.CreateResult>
>(true);
same<
  Service["delete"],
  (
    domain: string,
    name: string,
    flags: api.DeleteFlags,
    options?: api.ChangeOptions,
  ) => Promise<api.ChangeResult>
>(true);
same<
  Service["revert"],
  (
    domain: string,
    name: string,
    flags: api.RevertFlags,
    options?: api.RevertOptions,
  ) => Promise<api.RevertResult>
>(true);
same<Service["list"], (domain: string, query?: api.ListQuery) => Promise<api.SnapshotListing>>(
  true,
);
same<Service["get"], (domain: string, name: string) => Promise<api.DomainSnapshot>>(true);
same<
  Service["getXml"],
  (domain: string, name: string, options?: { readonly secure?: boolean }) => Promise<string>
>(true);
same<Service["info"], (domain: string, name: string) => Promise<api.SnapshotInfo>>(true);
same<Service["current"], (domain: string) => Promise<string>>(true);
same<Service["parent"], (domain: string, name: string) => Promise<string>>(true);
same<Service["listDomains"], () => Promise<readonly api.Domain[]>>(true);
same<Service["findDomain"], (domain: string) => Promise<api.Domain>>(true);
same<
  Service["check"],
  (domain?: string, options?: api.CheckOptions) => Promise<readonly api.CheckReport[]>
>(true);
same<
  Service["prune"],
  (
    domain: string,
    request: api.PruneRequest,
    options?: api.ChangeOptions,
  ) => Promise<api.PruneResult>
>(true);
same<
  Service["recover"],
  (domain?: string, options?: api.RecoverOptions) => Promise<readonly api.Recovery[]>
>(true);
same<Service["locks"], () => Promise<readonly api.LockInfo[]>>(true);
same<
  Service["undefine"],
  (domain: string, options?: api.UndefineOptions) => Promise<api.ChangeResult>
>(true);
same<
  Service["export"],
  (
    domain: string,
    request: api.ExportRequest,
    options?: api.ChangeOptions,
  ) => Promise<api.ExportResult>
>(true);
same<
  Service["import"],
  (request: api.ImportRequest, options?: api.ChangeOptions) => Promise<api.ImportResult>
>(true);
same<Service["diskCapabilities"], (domain: string) => Promise<readonly api.DiskCapabilities[]>>(
  true,
);
same<Service["close"], () => Promise<void>>(true);

export async function uses(openSnapshotService: typeof api.openSnapshotService): Promise<string> {
  const service = await openSnapshotService("file:///srv/guests");
  const { snapshot, measures } = await service.create("guest", "<domainsnapshot/>", {
    diskOnly: true,
  });
  await service.revert("guest", snapshot.name, {}, { keepCurrent: true, dryRun: true });
  // @ts-expect-error: misspelt
  await service.create("guest", "<domainsnapshot/>", { diskonly: true });
  // @ts-expect-error: a flag of revert
  await service.delete("guest", "s", { running: true });
  // @ts-expect-error: flags are said, even if none is set
  await service.delete("guest", "s");
  // @ts-expect-error: an option of revert
  await service.create("guest", "<domainsnapshot/>", {}, { keepCurrent: true });
  // @ts-expect-error: only an active guest has a downtime
  measures.downtimeMs.toFixed();
  // @ts-expect-error: the model is not for writing
  snapshot.name = "other";
  // @ts-expect-error: 64 bits do not fit into a number
  const time: number = snapshot.creationTime;
  return String(time);
}

export function handles(error: api.DomsnapError): boolean {
  // @ts-expect-error: no such code
  if (error.code === "no-such-domain") return false;
  return error.code === "no-domain" && error.effect === "none";
}

// @ts-expect-error: ports are of `domsnap/plugin`
export type NoPort = api.DiskBackend;
// @ts-expect-error: a backend's means are of `domsnap/plugin-kit`
export type NoTool = typeof api.runTool;
