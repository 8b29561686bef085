// Compiled by `npm run types`, never run: what outside users may rely on, and what they may not do.
import type { Writable } from "node:stream";

import type * as plugin from "../../src/plugin.js";
import type * as api from "../../src/plugin-kit.js";
import { same } from "./support/same.js";

/** The types of `domsnap/plugin-kit`. All have to be there. */
export type Names = [
  api.CopyOptions,
  api.CopySource,
  api.DefinitionFolder,
  api.FileOwner,
  api.NewFile,
  api.NewFileOptions,
  api.OutputFile,
  api.ReadAt,
  api.SpaceNeed,
  api.StateFileContent,
  api.ToolOptions,
  api.ToolOutput,
];

same<typeof api.POSSIBLE, plugin.DiskVerdict>(true);
same<
  typeof api.assertDefinable,
  (
    definition: Pick<plugin.DomainDefinition, "name" | "uuid">,
    domains: readonly Pick<plugin.Domain, "name" | "uuid" | "id">[],
  ) => void
>(true);
same<
  typeof api.assertNotBackedOn,
  (
    image: Pick<plugin.ImageRef, "path">,
    folders: readonly string[],
    accepted?: readonly Pick<plugin.ImageRef, "path">[],
  ) => Promise<void>
>(true);
same<
  typeof api.assertPlace,
  (file: Pick<plugin.ImageRef, "path">, before: plugin.FileBefore) => Promise<void>
>(true);
same<typeof api.assertRoom, (needs: readonly api.SpaceNeed[]) => Promise<void>>(true);
same<typeof api.assertUnchanged, (source: api.CopySource) => Promise<void>>(true);
same<typeof api.availableBytes, (folder: string) => Promise<number>>(true);
same<
  typeof api.beginFile,
  (
    path: string,
    before: plugin.FileBefore,
    made: { readonly owner: api.FileOwner; readonly mode?: number },
    evidence: plugin.Evidence,
  ) => Promise<api.NewFile>
>(true);
same<
  typeof api.cloneFile,
  (source: api.CopySource, target: string, options?: api.CopyOptions) => Promise<boolean>
>(true);
same<
  typeof api.continueFile,
  (path: string, before: plugin.FileBefore, evidence: plugin.Evidence) => Promise<api.NewFile>
>(true);
same<
  typeof api.copyOntoDevice,
  (source: api.CopySource, device: api.CopySource, options?: api.CopyOptions) => Promise<void>
>(true);
same<
  typeof api.copySparsely,
  (source: api.CopySource, target: string, options?: api.CopyOptions) => Promise<void>
>(true);
same<
  typeof api.copySteps<plugin.RemoveStep>,
  (steps: readonly plugin.RemoveStep[]) => Extract<plugin.RemoveStep, { readonly keeps: "copy" }>[]
>(true);
same<typeof api.createExclusively, (path: string, options?: api.NewFileOptions) => Promise<void>>(
  true,
);
same<
  typeof api.discardFiles,
  (imageFolders: readonly string[]) => plugin.OperationWork<{
    readonly kind: "disks.discard";
    readonly backend: plugin.BackendId;
    readonly files: readonly plugin.ImageRef[];
  }>
>(true);
same<typeof api.ensureStateFolder, (path: string) => Promise<void>>(true);
same<typeof api.errnoOf, (thrown: unknown) => string | undefined>(true);
same<
  typeof api.everyAsync,
  <Item>(items: readonly Item[], isTrue: (item: Item) => Promise<boolean>) => Promise<boolean>
>(true);
same<typeof api.fileExists, (file: Pick<plugin.ImageRef, "path">) => plugin.DomsnapError>(true);
same<
  typeof api.findBackedBy,
  (image: string, folders?: readonly string[], candidates?: readonly string[]) => Promise<string[]>
>(true);
same<typeof api.folderOfUri, (uri: string, scheme: string) => string>(true);
same<
  typeof api.generalRefusal,
  (disk: plugin.DomainDisk, wish: plugin.DiskWish) => plugin.DiskVerdict | undefined
>(true);
same<typeof api.identifyFile, (path: string) => Promise<string | undefined>>(true);
same<typeof api.imageOfDisk, (disk: plugin.DomainDisk | undefined) => plugin.ImageRef | undefined>(
  true,
);
same<typeof api.inaccessibleImage, (thrown: unknown, path: string) => plugin.DomsnapError>(true);
same<typeof api.isGone, (file: Pick<plugin.ImageRef, "path">) => boolean>(true);
same<typeof api.isLocalDisk, (value: Pick<plugin.DomainDisk, "type">) => boolean>(true);
same<typeof api.isMade, (path: string, evidence: plugin.Evidence) => Promise<boolean>>(true);
same<typeof api.isRaw, (value: Pick<plugin.DomainDisk, "format">) => boolean>(true);
same<typeof api.isToolInstalled, (program: string) => boolean>(true);
same<
  typeof api.isUnlinkedOrNeeded,
  (
    file: plugin.ImageRef,
    folders: readonly string[],
    context: { readonly evidence: plugin.Evidence },
  ) => Promise<boolean>
>(true);
same<typeof api.isVacant, (path: string) => Promise<boolean>>(true);
same<typeof api.kindOfSource, (path: string) => "file" | "folder" | undefined>(true);
same<typeof api.makeFolder, (folder: string) => Promise<void>>(true);
same<
  typeof api.noSpace,
  (path: string, neededBytes: number, availableBytes: number) => plugin.DomsnapError
>(true);
same<typeof api.noSuchDomain, (reference: string) => plugin.DomsnapError>(true);
same<typeof api.pathOfUri, (uri: string, scheme: string) => string>(true);
same<typeof api.peekSourceFile, (path: string, length: number) => Buffer>(true);
same<typeof api.probeFile, (path: string) => plugin.FileFact>(true);
same<typeof api.publishDurably, (from: string, to: string) => Promise<void>>(true);
same<typeof api.readCopySource, (path: string) => Promise<api.CopySource>>(true);
same<typeof api.readSourceFile, (path: string, limitBytes?: number) => Buffer>(true);
same<typeof api.readStateFile, (path: string, limitBytes: number) => string | undefined>(true);
same<typeof api.realImagePath, (path: string) => Promise<string>>(true);
same<typeof api.refuse, (reason: string, remedy: string) => plugin.DiskVerdict>(true);
same<typeof api.refuseFor, (error: unknown) => plugin.DiskVerdict>(true);
same<
  typeof api.removeCopies,
  (imageFolders: readonly string[]) => plugin.OperationWork<{
    readonly kind: "disks.remove";
    readonly backend: plugin.BackendId;
    readonly snapshot: string;
    readonly disks: readonly plugin.RemoveStep[];
  }>
>(true);
same<typeof api.renameDurably, (from: string, to: string) => Promise<void>>(true);
same<
  typeof api.runTool,
  (program: string, args: readonly string[], options?: api.ToolOptions) => Promise<api.ToolOutput>
>(true);
same<
  typeof api.startsWithContent,
  (
    path: string,
    content: { readonly path: string; readonly sizeBytes: number },
    signal?: AbortSignal,
  ) => Promise<boolean>
>(true);
same<typeof api.strerror, (thrown: unknown) => string>(true);
same<typeof api.syncFile, (path: string) => Promise<void>>(true);
same<typeof api.syncFolder, (path: string) => Promise<void>>(true);
same<typeof api.systemError, (thrown: unknown, what: string) => plugin.DomsnapError>(true);
same<typeof api.tellsAbsence, (thrown: unknown) => boolean>(true);
same<typeof api.toolMissing, (program: string) => plugin.DomsnapError>(true);
same<typeof api.unlinkDurably, (path: string) => Promise<boolean>>(true);
same<
  typeof api.unlinkUnneeded,
  (
    file: plugin.ImageRef,
    folders: readonly string[],
    context: { readonly evidence: plugin.Evidence } & Pick<
      plugin.OperationContext,
      "warn" | "commit"
    >,
  ) => Promise<void>
>(true);
same<
  typeof api.unmakeFile,
  (path: string, before: plugin.FileBefore, evidence: plugin.Evidence) => Promise<void>
>(true);
same<
  typeof api.withImageFile,
  <Result>(
    path: string,
    work: (readAt: api.ReadAt) => Promise<Result>,
  ) => Promise<Result | undefined>
>(true);
same<
  typeof api.writeOutput,
  (
    folder: string,
    files: readonly api.OutputFile[],
    options: { readonly dryRun: boolean },
  ) => Promise<string[]>
>(true);
same<typeof api.writeStateFile, (path: string, content: string) => Promise<void>>(true);
same<typeof api.writeStateFiles, (files: readonly api.StateFileContent[]) => Promise<void>>(true);

same<ConstructorParameters<typeof api.DefinitionFolder>, [path: string]>(true);
same<api.DefinitionFolder["list"], () => plugin.DomainDefinition[]>(true);
same<api.DefinitionFolder["find"], (reference: string) => plugin.DomainDefinition>(true);
same<api.DefinitionFolder["define"], (xml: string) => Promise<plugin.DomainDefinition>>(true);
same<api.DefinitionFolder["undefine"], (domainUuid: string) => Promise<void>>(true);

same<
  api.FileOwner,
  {
    readonly uid: number;
    readonly gid: number;
  }
>(true);
same<
  api.NewFileOptions,
  {
    readonly mode?: number;
    readonly owner?: api.FileOwner;
  }
>(true);
same<
  api.SpaceNeed,
  {
    readonly path: string;
    readonly bytes: number;
  }
>(true);
same<
  api.NewFile,
  {
    readonly partial: string;
    publish(): Promise<void>;
    discard(): Promise<void>;
  }
>(true);
same<
  api.StateFileContent,
  {
    readonly path: string;
    readonly content: () => string;
  }
>(true);
same<
  api.OutputFile,
  {
    readonly name: string;
    readonly content: string;
  }
>(true);
same<
  api.CopyOptions,
  {
    readonly signal?: AbortSignal;
    readonly onProgress?: (progress: plugin.OperationProgress) => void;
  }
>(true);
same<
  api.CopySource,
  {
    readonly path: string;
    readonly type: "file" | "block";
    readonly sizeBytes: number;
    readonly allocatedBytes: number;
    readonly uid: number;
    readonly gid: number;
    readonly mode: number;
    readonly links: number;
    readonly modifiedNs: bigint;
    readonly version: string;
  }
>(true);
same<
  api.ToolOptions,
  {
    readonly signal?: AbortSignal;
    readonly timeoutMs?: number;
    readonly onOutput?: (text: string) => void;
    readonly maxOutputChars?: number;
    readonly keepsLock?: boolean;
    readonly descriptor?: number;
    readonly keepsOpen?: Writable | undefined;
    readonly answerStatuses?: readonly number[];
  }
>(true);
same<
  api.ToolOutput,
  {
    readonly stdout: string;
    readonly stderr: string;
    readonly exitStatus: number;
  }
>(true);

export async function misuses(kit: typeof api, evidence: plugin.Evidence): Promise<void> {
  await kit.runTool("qemu-img", ["info", "--", "/img/a"]);
  // @ts-expect-error: arguments are a list, for there is no shell
  await kit.runTool("qemu-img", "info /img/a");
  // @ts-expect-error: what is made has an owner
  await kit.beginFile("/img/a", "absent", {}, evidence);
  // @ts-expect-error: nothing is made without evidence
  await kit.beginFile("/img/a", "absent", { owner: { uid: 0, gid: 0 } });
  // @ts-expect-error: a no has a remedy
  kit.refuse("it is on tape");
}
