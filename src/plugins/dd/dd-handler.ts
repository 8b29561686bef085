import { DomsnapError } from "../../core/errors/index.js";
import type { ImageRef } from "../../core/model/index.js";
import type {
  DiskOperation,
  RemoveStep,
  RevertStep,
  SnapshotStep,
} from "../../core/model/operation.js";
import type { OperationContext, OperationHandler } from "../../core/ports/index.js";
import { realImagePath } from "../../qemu-images/backing-chain.js";
import { copyOntoDevice, readCopySource, type CopySource } from "../../host/copy-file.js";
import { isVacant, renameDurably, unlinkDurably } from "../../host/durable-files.js";
import { everyAsync } from "../../host/every-async.js";
import { assertNotBackedOn } from "../../qemu-images/image-guard.js";
import { dropPartial, fileExists, unmakeFile, type FileBefore } from "../../host/new-file.js";
import { probeFile } from "../../host/probe-file.js";
import { startsWithContent } from "../../host/same-content.js";
import { isGone, isUnlinkedOrNeeded, unlinkUnneeded } from "../../qemu-images/unlink-unneeded.js";
import { copyGroup, copyOptions, type CopyJob } from "./copy-group.js";

/** Carries out the disk operations by whole copies. */
export class DdHandler implements OperationHandler<DiskOperation> {
  /**
   * Steps whose copy was not made: what stands in its place is foreign, and `undo` of the same
   * step must not remove it.
   */
  private readonly refused = new WeakSet<SnapshotStep>();
  /** Steps that this process has written to a device in full: no need to read it all again. */
  private readonly written = new WeakSet<SnapshotStep | RevertStep>();

  constructor(private readonly imageFolders: readonly string[]) {}

  async run(operation: DiskOperation, context: OperationContext): Promise<void> {
    switch (operation.kind) {
      case "disks.snapshot":
        return this.freeze(operation.disks, context);
      case "disks.stage":
        return this.stage(operation.disks, context);
      case "disks.revert":
        return this.revert(operation.disks, context);
      case "disks.remove":
        return this.remove(operation.disks, context);
      case "disks.discard":
        for (const file of operation.files)
          await unlinkUnneeded(file, this.imageFolders, context.warn);
        return;
      case "disks.merge":
        throw noMerge();
    }
  }

  async undo(operation: DiskOperation): Promise<void> {
    if (operation.kind === "disks.snapshot")
      for (const step of [...operation.disks].reverse()) await this.unfreeze(step);
    if (operation.kind === "disks.stage") for (const step of operation.disks) await unstage(step);
  }

  async settle(operation: DiskOperation, context: OperationContext): Promise<"done" | "not-done"> {
    return (await this.isDone(operation, context.signal)) ? "done" : "not-done";
  }

  private async isDone(operation: DiskOperation, signal: AbortSignal): Promise<boolean> {
    const isDropped = (file: ImageRef) => isUnlinkedOrNeeded(file, this.imageFolders);
    switch (operation.kind) {
      case "disks.snapshot":
        return everyAsync(operation.disks, (step) => this.isFrozen(step, signal));
      case "disks.stage":
        return everyAsync(operation.disks, isStaged);
      case "disks.revert":
        return everyAsync(operation.disks, (step) => this.isReverted(step, signal));
      case "disks.remove":
        return everyAsync(operation.disks.map(fileOf), isDropped);
      case "disks.discard":
        return everyAsync(operation.files, isDropped);
      case "disks.merge":
        throw noMerge();
    }
  }

  private async freeze(steps: readonly SnapshotStep[], context: OperationContext): Promise<void> {
    const pending: SnapshotStep[] = [];
    const devices: SnapshotStep[] = [];
    for (const step of steps) {
      if (isDevice(fileOf(step))) devices.push(step);
      else if (!(await isMade(step, context.signal))) pending.push(step);
    }
    const made = new Set<string>();
    try {
      for (const step of pending) await assertPlace(step);
      await copyGroup(pending.map(freezeJob), context, made);
    } catch (error) {
      for (const step of pending) if (!made.has(fileOf(step).path)) this.refused.add(step);
      throw error;
    }
    for (const step of devices) {
      await writeOnto(step.target, step.image.path, fileOf(step).path, context);
      this.written.add(step);
    }
  }

  private async unfreeze(step: SnapshotStep): Promise<void> {
    const file = fileOf(step);
    if (isDevice(file)) return;
    if (this.refused.has(step)) await dropPartial(file.path);
    else await unmakeFile(file.path, beforeOf(step));
  }

  private async stage(steps: readonly RevertStep[], context: OperationContext): Promise<void> {
    for (const step of steps) await this.assertRevertible(step);
    const jobs: CopyJob[] = [];
    for (const step of steps)
      if (!isDevice(step.image) && !(await isStaged(step))) jobs.push(await stageJob(step));
    await copyGroup(jobs, context);
  }

  private async assertRevertible(step: RevertStep): Promise<void> {
    const copy = await readCopySource(fileOf(step).path);
    const image = await readCopySource(step.image.path);
    if (image.type === "block" && image.sizeBytes < copy.sizeBytes)
      throw new DomsnapError(
        "no-space",
        `device '${image.path}' has ${image.sizeBytes} bytes, the snapshot needs ${copy.sizeBytes}`,
      );
    await assertNotBackedOn(step.image, this.imageFolders);
  }

  private async remove(steps: readonly RemoveStep[], context: OperationContext): Promise<void> {
    for (const step of steps) {
      const file = fileOf(step);
      if (isGone(file)) {
        context.warn(`the copy '${file.path}' of disk '${step.target}' was gone already`);
        continue;
      }
      if ((await realImagePath(file.path)) === (await realImagePath(step.image.path)))
        throw new DomsnapError("internal-error", `'${file.path}' is the image of the domain`);
      await unlinkUnneeded(file, this.imageFolders, context.warn);
    }
  }

  private async revert(steps: readonly RevertStep[], context: OperationContext): Promise<void> {
    for (const step of steps) {
      const copy = fileOf(step).path;
      if (isDevice(step.image)) {
        await writeOnto(step.target, copy, step.image.path, context);
        this.written.add(step);
        continue;
      }
      if (!(await isStaged(step))) {
        // Switched before a crash, or staged before and lost: the frozen copy is still there.
        if (await hasContentOf(step.image.path, copy, context.signal)) continue;
        await copyGroup([await stageJob(step)], context);
      }
      const image = await realImagePath(step.image.path);
      await renameDurably(stagedPath(image), image);
    }
  }

  /** A file with its name is complete; only what was written in place has to be read. */
  private async isFrozen(step: SnapshotStep, signal: AbortSignal): Promise<boolean> {
    const file = fileOf(step);
    if (isGone(file)) return false;
    if (this.written.has(step)) return true;
    if (isDevice(file) || beforeOf(step) === "reused")
      return hasContentOf(file.path, step.image.path, signal);
    const [copy, image] = [await readCopySource(file.path), await readCopySource(step.image.path)];
    return copy.sizeBytes === image.sizeBytes;
  }

  private async isReverted(step: RevertStep, signal: AbortSignal): Promise<boolean> {
    if (this.written.has(step)) return true;
    return hasContentOf(step.image.path, fileOf(step).path, signal);
  }
}

/** Whether an earlier run has finished this step. */
async function isMade(step: SnapshotStep, signal: AbortSignal): Promise<boolean> {
  const file = fileOf(step);
  if (beforeOf(step) === "reused" || probeFile(file.path).kind !== "regular") return false;
  return hasContentOf(file.path, step.image.path, signal);
}

/** Throws `image-conflict` unless the place of the copy is as it was planned. */
async function assertPlace(step: SnapshotStep): Promise<void> {
  const file = fileOf(step);
  const fact = probeFile(file.path);
  const taken = {
    absent: !(await isVacant(file.path)),
    empty: fact.kind === "regular" && fact.sizeBytes > 0,
    reused: false,
  };
  if (taken[beforeOf(step)]) throw fileExists(file);
}

async function unstage(step: RevertStep): Promise<void> {
  if (isDevice(step.image) || isGone(step.image)) return;
  const staged = stagedPath(await realImagePath(step.image.path));
  await unmakeFile(staged, "absent");
}

function freezeJob(step: SnapshotStep): CopyJob {
  const subject = step.target;
  return { subject, from: step.image.path, to: fileOf(step).path, before: beforeOf(step) };
}

async function stageJob(step: RevertStep): Promise<CopyJob> {
  const image = await readCopySource(await realImagePath(step.image.path));
  const to = stagedPath(image.path);
  await unlinkDurably(to);
  const like = { owner: image, mode: image.mode };
  return { subject: step.target, from: fileOf(step).path, to, before: "absent", like };
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

/** Copies carry the time of what they were made from, so equal times tell an equal state. */
async function isStaged(step: RevertStep): Promise<boolean> {
  const copy = await readCopySource(fileOf(step).path);
  if (isDevice(step.image)) return true;
  const staged = await readCopySource(stagedPath(await realImagePath(step.image.path))).catch(
    () => undefined,
  );
  return staged !== undefined && sameState(staged, copy);
}

function sameState(one: CopySource, other: CopySource): boolean {
  return one.sizeBytes === other.sizeBytes && one.modifiedNs === other.modifiedNs;
}

/** Whether `path` holds what `original` holds; a device may be longer. */
async function hasContentOf(path: string, original: string, signal: AbortSignal): Promise<boolean> {
  const [file, source] = await Promise.all([readCopySource(path), readCopySource(original)]);
  if (file.type === "file" && file.sizeBytes !== source.sizeBytes) return false;
  if (file.type === "file" && source.type === "file" && sameState(file, source)) return true;
  return startsWithContent(path, source, signal);
}

/** Where the state to revert to waits, beside the image that it will replace. */
function stagedPath(image: string): string {
  return `${image}.domsnap-staged`;
}

function beforeOf(step: SnapshotStep): FileBefore {
  return step.fileBefore ?? "absent";
}

function fileOf(step: { readonly target: string; readonly file?: ImageRef }): ImageRef {
  if (step.file) return step.file;
  throw new DomsnapError("internal-error", `no file for the copy of disk '${step.target}'`);
}

function isDevice(image: ImageRef): boolean {
  return probeFile(image.path).kind === "block";
}

function noMerge(): DomsnapError {
  return new DomsnapError("operation-unsupported", "a copy has no backing image to merge into");
}
