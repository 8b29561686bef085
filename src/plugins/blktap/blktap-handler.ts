import { DomsnapError } from "../../core/errors/index.js";
import type { ImageRef } from "../../core/model/index.js";
import type { DiskOperation } from "../../core/model/operation.js";
import type { OperationContext, OperationHandler } from "../../core/ports/index.js";
import { findChildren, type ImageFiles } from "../../formats/vhd/index.js";
import { DiskFreezer } from "./freeze-disks.js";
import type { ImageUsers } from "./image-users.js";
import type { MergeEngine } from "./merge-engine.js";
import { OverlayMerger } from "./merge-overlays.js";
import { DiskReverter } from "./revert-disks.js";

/** Carries out the disk operations on chains of VHDs. */
export class BlktapHandler implements OperationHandler<DiskOperation> {
  private readonly freezer: DiskFreezer;
  private readonly reverter: DiskReverter;
  private readonly merger: OverlayMerger;

  constructor(
    private readonly files: ImageFiles,
    users: ImageUsers,
    engine: MergeEngine,
    imageFolders: readonly string[],
    stallLimitBytes?: number,
  ) {
    this.freezer = new DiskFreezer(files, users);
    this.reverter = new DiskReverter(files, users);
    this.merger = new OverlayMerger(files, users, engine, imageFolders, stallLimitBytes);
  }

  async precheck(operation: DiskOperation): Promise<void> {
    if (operation.kind === "disks.merge")
      for (const step of operation.disks) await this.merger.assertReady(step);
    // A guest that is to be stopped first has the images open until then.
    if (operation.kind === "disks.revert" && operation.open !== true)
      await this.reverter.assertReady(operation.disks);
  }

  async run(operation: DiskOperation, context: OperationContext): Promise<void> {
    switch (operation.kind) {
      case "disks.snapshot":
        return this.freezer.freeze(operation.disks, context);
      case "disks.stage":
        return this.reverter.stage(operation.disks);
      case "disks.revert":
        return this.reverter.revert(operation.disks);
      case "disks.merge":
        for (const step of operation.disks) await this.merger.merge(step, context);
        return;
      case "disks.discard":
        for (const file of operation.files) await this.#discard(file, context);
        return;
      case "disks.remove":
        throw new DomsnapError("internal-error", "VHD chains have no copies to remove");
    }
  }

  async undo(operation: DiskOperation, context: OperationContext): Promise<void> {
    if (operation.kind === "disks.snapshot") await this.freezer.thaw(operation.disks, context);
    if (operation.kind === "disks.stage") await this.reverter.unstage(operation.disks);
  }

  async settle(operation: DiskOperation): Promise<"done" | "not-done"> {
    return (await this.#isDone(operation)) ? "done" : "not-done";
  }

  async #isDone(operation: DiskOperation): Promise<boolean> {
    switch (operation.kind) {
      case "disks.snapshot":
        return this.freezer.isFrozen(operation.disks);
      case "disks.stage":
        return this.reverter.isStaged(operation.disks);
      case "disks.revert":
        return this.reverter.isReverted(operation.disks);
      case "disks.merge":
        return every(operation.disks, (step) => this.merger.isMerged(step));
      case "disks.discard":
        return every(
          operation.files,
          async (file) => (await this.#reasonToKeep(file)) !== undefined,
        );
      case "disks.remove":
        return false;
    }
  }

  async #discard(file: ImageRef, { warn }: OperationContext): Promise<void> {
    const reason = await this.#reasonToKeep(file);
    if (reason === undefined) await this.files.unlink(file.path);
    else if (reason !== GONE) warn(`file '${file.path}' is left: ${reason}`);
  }

  async #reasonToKeep(file: ImageRef): Promise<string | undefined> {
    const identity = await this.files.identify(file.path);
    if (!identity) return GONE;
    if (identity.kind !== "file") return "it is a device";
    const [child] = await findChildren(this.files, file.path);
    return child === undefined ? undefined : `'${child}' stands on it`;
  }
}

const GONE = "it is gone";

async function every<Step>(
  steps: readonly Step[],
  isTrue: (step: Step) => Promise<boolean>,
): Promise<boolean> {
  for (const step of steps) if (!(await isTrue(step))) return false;
  return true;
}
