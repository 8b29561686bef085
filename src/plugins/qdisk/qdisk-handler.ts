import { DomsnapError } from "../../core/errors/index.js";
import type {
  DiskOperation,
  OperationOf,
  RemoveStep,
  RevertStep,
  SnapshotStep,
} from "../../core/model/operation.js";
import type { OperationContext, OperationHandler } from "../../core/ports/index.js";
import { everyAsync } from "../../host/every-async.js";
import { assertNotBackedOn } from "../../qemu-images/image-guard.js";
import type { QemuImg } from "../../clients/qemu-img.js";
import { isUnlinkedOrNeeded, unlinkUnneeded } from "../../qemu-images/unlink-unneeded.js";
import { InternalSnapshots } from "../../qemu-images/internal-snapshots.js";
import { OverlayMerger } from "../../qemu-images/merge-overlay.js";
import { OverlayFiles, type OverlayStep } from "../../qemu-images/overlay-files.js";

export interface QdiskTools {
  readonly qemuImg: QemuImg;
  readonly imageFolders: readonly string[];
}

/** Carries out the disk operations on images that no QEMU has open. */
export class QdiskHandler implements OperationHandler<DiskOperation> {
  private readonly internal: InternalSnapshots;
  private readonly overlays: OverlayFiles;
  private readonly merger: OverlayMerger;
  private readonly imageFolders: readonly string[];

  constructor(tools: QdiskTools) {
    this.internal = new InternalSnapshots(tools.qemuImg);
    this.overlays = new OverlayFiles(tools.qemuImg);
    this.merger = new OverlayMerger(tools.qemuImg, tools.imageFolders);
    this.imageFolders = tools.imageFolders;
  }

  async precheck(operation: DiskOperation): Promise<void> {
    if (operation.kind === "disks.merge")
      for (const step of operation.disks) await this.merger.assertReady(step);
    if (operation.kind === "disks.revert")
      await this.internal.assertHeld(internalOf(operation.disks), operation.snapshot, {
        shared: operation.open ?? false,
      });
    if (operation.kind === "disks.remove")
      for (const step of operation.disks)
        if (step.mode === "internal") await this.internal.assertRemovable(step, operation.snapshot);
  }

  async run(operation: DiskOperation, context: OperationContext): Promise<void> {
    switch (operation.kind) {
      case "disks.snapshot":
        return this.snapshot(operation, context);
      case "disks.stage":
        return this.stage(operation, context);
      case "disks.revert":
        return this.internal.apply(internalOf(operation.disks), operation.snapshot, context);
      case "disks.remove":
        for (const step of operation.disks) await this.remove(step, operation.snapshot, context);
        return;
      case "disks.merge":
        for (const step of operation.disks) await this.merger.merge(step, context);
        return;
      case "disks.discard":
        for (const file of operation.files)
          await unlinkUnneeded(file, this.imageFolders, context.warn);
        return;
    }
  }

  async undo(operation: DiskOperation): Promise<void> {
    if (operation.kind === "disks.snapshot") {
      for (const step of internalOf(operation.disks).reverse())
        await this.internal.takeBack(step, operation.snapshot);
      for (const step of frozenOverlays(operation.disks).reverse())
        await this.overlays.takeBack(step);
    }
    if (operation.kind === "disks.stage")
      for (const step of freshOverlays(operation.disks)) await this.overlays.takeBack(step);
  }

  async settle(operation: DiskOperation): Promise<"done" | "not-done"> {
    return (await this.isDone(operation)) ? "done" : "not-done";
  }

  private async isDone(operation: DiskOperation): Promise<boolean> {
    switch (operation.kind) {
      case "disks.snapshot":
        return this.isTaken(operation.snapshot, operation.disks, frozenOverlays(operation.disks));
      case "disks.stage":
        return this.isTaken(operation.snapshot, operation.disks, freshOverlays(operation.disks));
      case "disks.revert":
        return everyAsync(internalOf(operation.disks), (step) =>
          this.internal.isApplied(step, operation.snapshot),
        );
      case "disks.remove":
        return everyAsync(operation.disks, (step) => this.isRemoved(step, operation.snapshot));
      case "disks.merge":
        return everyAsync(operation.disks, (step) => this.merger.isMerged(step));
      case "disks.discard":
        return everyAsync(operation.files, (file) => isUnlinkedOrNeeded(file, this.imageFolders));
    }
  }

  /** Whether every image holds the internal snapshot, or has its overlay. */
  private async isTaken(
    tag: string,
    disks: readonly (SnapshotStep | RevertStep)[],
    overlays: readonly OverlayStep[],
  ): Promise<boolean> {
    return (
      (await everyAsync(internalOf(disks), (step) => this.internal.isHeld(step, tag))) &&
      (await everyAsync(overlays, (step) => this.overlays.isMade(step)))
    );
  }

  /** Everything is checked before the first image is changed. */
  private async snapshot(
    { disks, snapshot }: OperationOf<"disks.snapshot">,
    context: OperationContext,
  ): Promise<void> {
    const overlays = frozenOverlays(disks);
    for (const step of overlays) await this.overlays.assertPossible(step);
    const missing = await this.internal.missingIn(internalOf(disks), snapshot);
    for (const step of overlays) await this.overlays.make(step, context);
    for (const step of missing) await this.internal.create(step, snapshot, context);
  }

  private async stage(
    { disks, snapshot, open = false }: OperationOf<"disks.stage">,
    context: OperationContext,
  ): Promise<void> {
    const internal = internalOf(disks);
    await this.internal.assertHeld(internal, snapshot, { shared: open });
    for (const step of internal) await assertNotBackedOn(step.image, this.imageFolders);
    const overlays = freshOverlays(disks);
    for (const step of overlays) await this.overlays.assertPossible(step, { shared: open });
    for (const step of overlays) await this.overlays.make(step, context);
  }

  private async remove(step: RemoveStep, tag: string, context: OperationContext): Promise<void> {
    if (step.mode === "internal") await this.internal.remove(step, tag, context);
    else if (step.file) await unlinkUnneeded(step.file, this.imageFolders, context.warn);
  }

  private async isRemoved(step: RemoveStep, tag: string): Promise<boolean> {
    if (step.mode === "internal") return !(await this.internal.isHeld(step, tag));
    return step.file === undefined || isUnlinkedOrNeeded(step.file, this.imageFolders);
  }
}

function internalOf<Step extends SnapshotStep | RevertStep>(steps: readonly Step[]): Step[] {
  return steps.filter((step) => step.mode === "internal");
}

function frozenOverlays(steps: readonly SnapshotStep[]): OverlayStep[] {
  return externalOf(steps).map((step) => ({
    ...overlayStep(step),
    before: step.fileBefore ?? "absent",
  }));
}

function freshOverlays(steps: readonly RevertStep[]): OverlayStep[] {
  return externalOf(steps).map(overlayStep);
}

function externalOf<Step extends SnapshotStep | RevertStep>(steps: readonly Step[]): Step[] {
  return steps.filter((step) => step.mode === "external");
}

function overlayStep(step: SnapshotStep | RevertStep): OverlayStep {
  if (!step.file)
    throw new DomsnapError("internal-error", `no file for the overlay of disk '${step.target}'`);
  return { target: step.target, base: step.image, overlay: step.file, before: "absent" };
}
