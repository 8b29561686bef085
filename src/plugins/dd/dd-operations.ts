import { DomsnapError } from "../../core/errors/index.js";
import {
  settled,
  temporaryName,
  type ImageRef,
  type OperationOf,
  type RevertStep,
  type SnapshotCopy,
} from "../../core/model/index.js";
import type {
  DiskOperations,
  Evidence,
  OperationContext,
  OperationWork,
  Settled,
  UndoableWork,
} from "../../core/ports/index.js";
import { assertOneName, copyOntoDevice, readCopySource } from "../../host/copy-file.js";
import { renameDurably } from "../../host/durable-files.js";
import { everyAsync } from "../../host/every-async.js";
import { identifyFile } from "../../host/file-identity.js";
import { assertFree, whileLocked, type ImageUse } from "../../host/image-locks.js";
import { assertPlace, isMade, unmakeFile } from "../../host/new-file.js";
import { probeFile } from "../../host/probe-file.js";
import { startsWithContent } from "../../host/same-content.js";
import { realImagePath } from "../../qemu-images/backing-chain.js";
import { copySteps } from "../../qemu-images/copy-steps.js";
import { discardFiles } from "../../qemu-images/discard-files.js";
import { assertNotBackedOn } from "../../qemu-images/image-guard.js";
import { removeCopies } from "../../qemu-images/remove-copies.js";
import { isGone } from "../../qemu-images/unlink-unneeded.js";
import { copyGroup, copyOptions, type CopyJob } from "./copy-group.js";

type CopyRevert = Extract<RevertStep, { readonly keeps: "copy" }>;

/** The disk operations by whole copies. There is nothing to merge. */
export function ddOperations(imageFolders: readonly string[]): DiskOperations {
  return {
    "disks.snapshot": new FreezeByCopy(),
    "disks.stage": new StageCopies(imageFolders),
    "disks.revert": new SwitchToCopies(),
    "disks.remove": removeCopies(imageFolders),
    "disks.discard": discardFiles(imageFolders),
  };
}

class FreezeByCopy implements UndoableWork<OperationOf<"disks.snapshot">> {
  /** Steps that this process has written to a device in full: no need to read it all again. */
  readonly #written = new WeakSet<SnapshotCopy>();

  async run(
    { disks, open = false }: OperationOf<"disks.snapshot">,
    context: OperationContext,
  ): Promise<void> {
    const steps = copySteps(disks);
    const read = open ? [] : steps.map(({ image }) => reading(image));
    const written = steps.flatMap(({ copy }) => (isDevice(copy) ? [replacing(copy)] : []));
    await whileLocked([...read, ...written], () => this.#copy(steps, context));
  }

  async #copy(steps: readonly SnapshotCopy[], context: OperationContext): Promise<void> {
    const pending: SnapshotCopy[] = [];
    for (const step of steps)
      if (!isDevice(step.copy) && !(await isMade(step.copy.path, context.evidence)))
        pending.push(step);
    for (const { copy, before } of pending) await assertPlace(copy, before);
    await copyGroup(pending.map(freezeJob), context);
    for (const step of steps.filter(({ copy }) => isDevice(copy))) {
      await writeOnto(step.target, step.image.path, step.copy.path, context);
      this.#written.add(step);
    }
  }

  async undo(
    { disks }: OperationOf<"disks.snapshot">,
    { evidence }: OperationContext,
  ): Promise<void> {
    for (const { copy, before } of copySteps(disks).reverse())
      if (!isDevice(copy)) await unmakeFile(copy.path, before, evidence);
  }

  async settle(
    { disks }: OperationOf<"disks.snapshot">,
    { evidence, signal }: OperationContext,
  ): Promise<Settled> {
    const isFrozen = (step: SnapshotCopy) => {
      if (!isDevice(step.copy)) return isMade(step.copy.path, evidence);
      return this.#written.has(step) || hasContentOf(step.copy.path, step.image.path, signal);
    };
    return settled(
      await everyAsync(copySteps(disks), async (step) => !isGone(step.copy) && isFrozen(step)),
    );
  }
}

class StageCopies implements UndoableWork<OperationOf<"disks.stage">> {
  constructor(private readonly imageFolders: readonly string[]) {}

  async run({ disks }: OperationOf<"disks.stage">, context: OperationContext): Promise<void> {
    const steps = copySteps(disks);
    for (const step of steps) await this.#assertRevertible(step);
    const jobs: CopyJob[] = [];
    for (const step of steps)
      if (!(await isStaged(step, context.evidence)))
        jobs.push(await stageJob(step, context.evidence));
    await whileLocked(
      steps.map(({ copy }) => reading(copy)),
      () => copyGroup(jobs, context),
    );
  }

  async undo({ disks }: OperationOf<"disks.stage">, { evidence }: OperationContext): Promise<void> {
    for (const step of copySteps(disks)) {
      if (isDevice(step.image) || isGone(step.image)) continue;
      await unmakeFile(await stagedPath(step, evidence), "absent", evidence);
    }
  }

  async settle(
    { disks }: OperationOf<"disks.stage">,
    { evidence }: OperationContext,
  ): Promise<Settled> {
    return settled(await everyAsync(copySteps(disks), (step) => isStaged(step, evidence)));
  }

  async #assertRevertible({ copy, image }: CopyRevert): Promise<void> {
    const state = await readCopySource(copy.path);
    const present = await readCopySource(image.path);
    assertOneName(present);
    if (present.type === "block" && present.sizeBytes < state.sizeBytes)
      throw new DomsnapError(
        "no-space",
        `device '${present.path}' has ${present.sizeBytes} bytes, the snapshot needs ${state.sizeBytes}`,
      );
    await assertNotBackedOn(image, this.imageFolders);
  }
}

class SwitchToCopies implements OperationWork<OperationOf<"disks.revert">> {
  /** As in `FreezeByCopy`. */
  readonly #written = new WeakSet<CopyRevert>();

  async precheck({ disks, open = false }: OperationOf<"disks.revert">): Promise<void> {
    // A guest that is to be stopped first has the images open until then.
    if (!open) await assertFree(copySteps(disks).map(({ image }) => replacing(image)));
  }

  async run({ disks }: OperationOf<"disks.revert">, context: OperationContext): Promise<void> {
    for (const step of copySteps(disks)) {
      if (!isDevice(step.image)) {
        await switchFile(step, context);
        continue;
      }
      await whileLocked([replacing(step.image), reading(step.copy)], () =>
        writeOnto(step.target, step.copy.path, step.image.path, context),
      );
      this.#written.add(step);
    }
  }

  async settle(
    { disks }: OperationOf<"disks.revert">,
    { evidence, signal }: OperationContext,
  ): Promise<Settled> {
    const isReverted = (step: CopyRevert) => {
      if (!isDevice(step.image)) return isSwitched(step, evidence);
      return this.#written.has(step) || hasContentOf(step.image.path, step.copy.path, signal);
    };
    return settled(await everyAsync(copySteps(disks), async (step) => isReverted(step)));
  }
}

/** What was staged before a crash and is lost is copied again: the frozen copy is still there. */
async function switchFile(step: CopyRevert, context: OperationContext): Promise<void> {
  const { evidence } = context;
  if (await isSwitched(step, evidence)) return;
  if (!(await isStaged(step, evidence))) await copyGroup([await stageJob(step, evidence)], context);
  const [staged, image] = [await stagedPath(step, evidence), await realImagePath(step.image.path)];
  await whileLocked([replacing(step.image)], () => renameDurably(staged, image));
}

function reading({ path }: ImageRef): ImageUse {
  return { path, use: "read" };
}

function replacing({ path }: ImageRef): ImageUse {
  return { path, use: "replace" };
}

function freezeJob({ target, image, copy, before }: SnapshotCopy): CopyJob {
  return { subject: target, from: image.path, to: copy.path, before };
}

async function stageJob(step: CopyRevert, evidence: Evidence): Promise<CopyJob> {
  const like = await readCopySource(await realImagePath(step.image.path));
  const to = await stagedPath(step, evidence);
  return { subject: step.target, from: step.copy.path, to, before: "absent", like };
}

/** A file that was made for its staged name has it only once it is complete. */
async function isStaged(step: CopyRevert, evidence: Evidence): Promise<boolean> {
  return isDevice(step.image) || isMade(await stagedPath(step, evidence), evidence);
}

/** Whether the image is the file that was staged. */
async function isSwitched(step: CopyRevert, evidence: Evidence): Promise<boolean> {
  const image = await identifyFile(step.image.path);
  return image !== undefined && evidence.made(await stagedPath(step, evidence)).includes(image);
}

/** Where the state to revert to waits, beside the image that it will replace. */
async function stagedPath({ image }: CopyRevert, { token }: Evidence): Promise<string> {
  return temporaryName(await realImagePath(image.path), "staged", token);
}

async function writeOnto(
  subject: string,
  from: string,
  device: string,
  context: OperationContext,
): Promise<void> {
  const source = await readCopySource(from);
  await copyOntoDevice(source, await readCopySource(device), copyOptions(subject, context));
}

/** Whether a device begins with what `original` holds. */
async function hasContentOf(
  device: string,
  original: string,
  signal: AbortSignal,
): Promise<boolean> {
  return startsWithContent(device, await readCopySource(original), signal);
}

function isDevice(image: ImageRef): boolean {
  return probeFile(image.path).kind === "block";
}
