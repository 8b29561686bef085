import { DomsnapError } from "../../core/errors/index.js";
import {
  settled,
  type OperationOf,
  type RemoveStep,
  type RevertStep,
  type SnapshotStep,
} from "../../core/model/index.js";
import type {
  DiskOperations,
  OperationContext,
  OperationWork,
  Settled,
  UndoableWork,
} from "../../core/ports/index.js";
import type { QemuImg } from "../../clients/qemu-img.js";
import { everyAsync } from "../../host/every-async.js";
import { discardFiles } from "../../qemu-images/discard-files.js";
import { assertNotBackedOn } from "../../qemu-images/image-guard.js";
import { InternalSnapshots, type InternalStep } from "../../qemu-images/internal-snapshots.js";
import { OverlayMerger } from "../../qemu-images/merge-overlay.js";
import { OverlayFiles, type OverlayStep } from "../../qemu-images/overlay-files.js";
import type { SoundImages } from "../../qemu-images/sound-images.js";
import { isUnlinkedOrNeeded, unlinkUnneeded } from "../../qemu-images/unlink-unneeded.js";

export interface QdiskTools {
  readonly qemuImg: QemuImg;
  readonly sound: SoundImages;
  readonly imageFolders: readonly string[];
}

/** The disk operations on images that no QEMU has open. */
export function qdiskOperations({ qemuImg, sound, imageFolders }: QdiskTools): DiskOperations {
  const states = new ImageStates(
    new InternalSnapshots(qemuImg, sound),
    new OverlayFiles(qemuImg, sound),
  );
  return {
    "disks.snapshot": freezeDisks(states),
    "disks.stage": stageDisks(states, imageFolders),
    "disks.revert": switchDisks(states.internal),
    "disks.remove": removeSnapshots(states.internal, imageFolders),
    "disks.merge": mergeOverlays(new OverlayMerger(qemuImg, imageFolders, sound)),
    "disks.discard": discardFiles(imageFolders),
  };
}

/** Both ways in which QEMU keeps states: snapshots inside of images, and overlays above them. */
class ImageStates {
  constructor(
    readonly internal: InternalSnapshots,
    readonly overlays: OverlayFiles,
  ) {}

  /** Whether every image holds the internal snapshot, or has its overlay. */
  async areTaken(
    tag: string,
    steps: readonly (SnapshotStep | RevertStep)[],
    { evidence }: OperationContext,
  ): Promise<Settled> {
    return settled(
      (await everyAsync(insideOf(steps), (step) => this.internal.isHeld(step, tag))) &&
        (await everyAsync(overlaysOf(steps), (step) => this.overlays.isMade(step, evidence))),
    );
  }

  async takeBackOverlays(
    steps: readonly (SnapshotStep | RevertStep)[],
    { evidence }: OperationContext,
  ): Promise<void> {
    for (const step of overlaysOf(steps).reverse()) await this.overlays.takeBack(step, evidence);
  }
}

function freezeDisks(states: ImageStates): UndoableWork<OperationOf<"disks.snapshot">> {
  const { internal, overlays } = states;
  return {
    /** Everything is checked before the first image is changed. */
    async run({ disks, snapshot }, context) {
      const above = overlaysOf(disks);
      for (const step of above) await overlays.assertPossible(step, context.evidence);
      const missing = await internal.missingIn(insideOf(disks), snapshot);
      for (const step of above) await overlays.make(step, context);
      for (const step of missing) await internal.create(step, snapshot, context);
    },
    async undo({ disks, snapshot }, context) {
      for (const step of insideOf(disks).reverse()) await internal.takeBack(step, snapshot);
      await states.takeBackOverlays(disks, context);
    },
    settle: ({ disks, snapshot }, context) => states.areTaken(snapshot, disks, context),
  };
}

function stageDisks(
  states: ImageStates,
  imageFolders: readonly string[],
): UndoableWork<OperationOf<"disks.stage">> {
  const { internal, overlays } = states;
  return {
    async run({ disks, snapshot, open = false }, context) {
      const inside = insideOf(disks);
      await internal.assertApplicable(inside, snapshot, { shared: open });
      for (const step of inside) await assertNotBackedOn(step.image, imageFolders);
      const above = overlaysOf(disks);
      for (const step of above)
        await overlays.assertPossible(step, context.evidence, { shared: open });
      for (const step of above) await overlays.make(step, context);
    },
    undo: ({ disks }, context) => states.takeBackOverlays(disks, context),
    settle: ({ disks, snapshot }, context) => states.areTaken(snapshot, disks, context),
  };
}

/** Overlays are in place already: only what is inside of images is switched. */
function switchDisks(internal: InternalSnapshots): OperationWork<OperationOf<"disks.revert">> {
  return {
    precheck: ({ disks, snapshot, open = false }) =>
      internal.assertApplicable(insideOf(disks), snapshot, { shared: open }),
    run: ({ disks, snapshot }, context) => internal.apply(insideOf(disks), snapshot, context),
    settle: async ({ disks, snapshot }) =>
      settled(await everyAsync(insideOf(disks), (step) => internal.isApplied(step, snapshot))),
  };
}

function removeSnapshots(
  internal: InternalSnapshots,
  imageFolders: readonly string[],
): OperationWork<OperationOf<"disks.remove">> {
  const isRemoved = async (step: RemoveStep, tag: string, context: OperationContext) =>
    step.keeps === "inside"
      ? !(await internal.isHeld(step, tag))
      : isUnlinkedOrNeeded(step.copy, imageFolders, context);
  return {
    commits: true,
    async precheck({ disks, snapshot }) {
      for (const step of disks)
        if (step.keeps === "inside") await internal.assertRemovable(step, snapshot);
    },
    async run({ disks, snapshot }, context) {
      for (const step of disks)
        if (step.keeps === "inside") await internal.remove(step, snapshot, context);
        else await unlinkUnneeded(step.copy, imageFolders, context);
    },
    settle: async ({ disks, snapshot }, context) =>
      settled(await everyAsync(disks, (step) => isRemoved(step, snapshot, context))),
  };
}

function mergeOverlays(merger: OverlayMerger): OperationWork<OperationOf<"disks.merge">> {
  return {
    commits: true,
    async precheck({ disks }) {
      for (const step of disks) await merger.assertReady(step);
    },
    async run({ disks }, context) {
      for (const step of disks) await merger.merge(step, context);
    },
    settle: async ({ disks }) => settled(await everyAsync(disks, (step) => merger.isMerged(step))),
  };
}

function insideOf(steps: readonly (SnapshotStep | RevertStep)[]): InternalStep[] {
  return steps.filter((step) => step.keeps === "inside");
}

function overlaysOf(steps: readonly (SnapshotStep | RevertStep)[]): OverlayStep[] {
  return steps.flatMap((step) => {
    switch (step.keeps) {
      case "inside":
        return [];
      case "overlay": {
        const { target, image: base, overlay } = step;
        return { target, base, overlay, before: "before" in step ? step.before : "absent" };
      }
      case "copy":
      case "renamed":
        throw new DomsnapError(
          "internal-error",
          `disk '${step.target}' is not kept by QEMU's means`,
        );
    }
  });
}
