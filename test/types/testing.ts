// Compiled by `npm run types`, never run: what outside users may rely on, and what they may not do.
import type * as plugin from "../../src/plugin.js";
import type * as api from "../../src/testing/index.js";
import { has, same } from "./support/same.js";

/** The types of `domsnap/testing`. All have to be there. */
export type Names = [
  api.DiskBackendFactory,
  api.DiskBackendFixture,
  api.DiskForm,
  api.ImageInspectorContract,
  api.ImageInspectorUnderTest,
  api.ImportSourceContract,
  api.ImportSourceUnderTest,
  api.JournalUnderTest,
  api.LockUnderTest,
  api.SnapshotStoreContract,
  api.StoreUnderTest,
  api.TableRunner,
  api.TestEvidence,
  api.ToolstackContract,
  api.ToolstackUnderTest,
];

same<typeof api.OTHER_UUID, "2f6a9c1d-0b3e-4f5a-8c7d-9e8f7a6b5c4d">(true);
same<typeof api.SAMPLE_UUID, "d1ab0f3c-7a52-4c1e-9a3b-0d6f5e8c2b71">(true);
same<typeof api.describeDiskBackend, (name: string, factory: api.DiskBackendFactory) => void>(true);
same<typeof api.describeDomainLock, (name: string, open: () => Promise<api.LockUnderTest>) => void>(
  true,
);
same<typeof api.describeExportFormat, (name: string, open: () => plugin.ExportFormat) => void>(
  true,
);
same<
  typeof api.describeImageInspector,
  (name: string, contract: api.ImageInspectorContract) => void
>(true);
same<typeof api.describeImportSource, (name: string, contract: api.ImportSourceContract) => void>(
  true,
);
same<typeof api.describeJournal, (name: string, open: () => Promise<api.JournalUnderTest>) => void>(
  true,
);
same<typeof api.describeSnapshotStore, (name: string, contract: api.SnapshotStoreContract) => void>(
  true,
);
same<typeof api.describeToolstack, (name: string, contract: api.ToolstackContract) => void>(true);
same<
  typeof api.expectError,
  (
    work: Promise<unknown> | (() => unknown),
    code: plugin.ErrorCode,
    detail?: string | RegExp,
  ) => Promise<plugin.DomsnapError>
>(true);
same<typeof api.samplePlan, (domainUuid?: string) => plugin.Plan>(true);
same<
  typeof api.sampleSnapshot,
  (changes?: Partial<plugin.DomainSnapshot>) => plugin.DomainSnapshot
>(true);
same<typeof api.tableRunner, (table: object, evidence: api.TestEvidence) => api.TableRunner>(true);

same<
  ConstructorParameters<typeof api.TestEvidence>,
  [identify?: plugin.HostFiles["identify"] | undefined]
>(true);
has<plugin.Evidence, api.TestEvidence>();
same<api.TestEvidence["survey"], (operation: plugin.Operation) => Promise<void>>(true);

same<
  api.TableRunner,
  {
    precheck(operation: plugin.Operation, context: plugin.OperationContext): Promise<void>;
    run(operation: plugin.Operation, context: plugin.OperationContext): Promise<void>;
    settle(operation: plugin.Operation, context: plugin.OperationContext): Promise<plugin.Settled>;
    undo(operation: plugin.Operation, context: plugin.OperationContext): Promise<void>;
  }
>(true);
same<
  api.DiskBackendFactory,
  {
    readonly forms: readonly api.DiskForm[];
    readonly hasStorage?: boolean;
    open(folder: string): Promise<api.DiskBackendFixture>;
  }
>(true);
same<
  api.DiskBackendFixture,
  {
    readonly backend: plugin.DiskBackend;
    makeImage(path: string, format: plugin.ImageFormat, content: Buffer): Promise<plugin.ImageRef>;
    readImage(image: plugin.ImageRef): Promise<Buffer>;
    writeImage(image: plugin.ImageRef, byte: number): Promise<void>;
    readonly stranger?: api.StorageStranger;
    close?(): Promise<void>;
  }
>(true);
same<
  api.StorageStranger,
  {
    put(locator: string, content: string): Promise<void>;
    read(locator: string): Promise<string>;
  }
>(true);
same<
  api.DiskForm,
  {
    readonly mode: "internal" | "external";
    readonly imageFormat: plugin.ImageFormat;
    readonly fileFormat?: plugin.ImageFormat;
    readonly driverName?: string;
  }
>(true);
same<
  api.LockUnderTest,
  {
    readonly lock: plugin.DomainLock;
    readonly dispose?: () => Promise<void>;
  }
>(true);
same<
  api.ImportSourceUnderTest,
  {
    readonly source: plugin.ImportSource;
    readonly named: string;
    readonly snapshots: readonly string[];
    readonly domain?: plugin.Domain;
    readonly damaged?: string;
    readonly gone?: string;
  }
>(true);
same<
  api.ImageInspectorContract,
  {
    readonly formats: readonly plugin.ImageFormat[];
    readonly overlayFormats: readonly plugin.ImageFormat[];
    readonly snapshotFormats: readonly plugin.ImageFormat[];
    readonly open: () => api.ImageInspectorUnderTest;
  }
>(true);
same<
  api.ImportSourceContract,
  {
    readonly open: (folder: string) => Promise<api.ImportSourceUnderTest>;
  }
>(true);
same<
  api.JournalUnderTest,
  {
    readonly journal: plugin.Journal;
    readonly reopened: () => plugin.Journal;
    readonly dispose?: () => Promise<void>;
  }
>(true);
same<
  api.StoreUnderTest,
  {
    readonly store: plugin.SnapshotStore;
    readonly reopened: () => plugin.SnapshotStore;
    readonly dispose?: () => Promise<void>;
  }
>(true);
same<
  api.SnapshotStoreContract,
  {
    readonly open: () => Promise<api.StoreUnderTest>;
    readonly refusedNames: readonly string[];
  }
>(true);
same<
  api.ToolstackUnderTest,
  {
    readonly toolstack: plugin.Toolstack;
    readonly domain: string;
    readonly dispose?: () => Promise<void>;
  }
>(true);
same<
  api.ToolstackContract,
  {
    readonly open: () => Promise<api.ToolstackUnderTest>;
    readonly runsDomains: boolean;
  }
>(true);

export function misuses(suites: typeof api, open: api.DiskBackendFactory["open"]): void {
  suites.describeDiskBackend("mine", { forms: [{ mode: "external", imageFormat: "raw" }], open });
  // @ts-expect-error: a suite is run for forms
  suites.describeDiskBackend("mine", { open });
  // @ts-expect-error: no such format
  suites.describeDiskBackend("mine", { forms: [{ mode: "external", imageFormat: "tar" }], open });
  // @ts-expect-error: an error has a code of the catalogue
  void suites.expectError(Promise.resolve(), "it failed");
}
