import { settled, type ImageRef, type OperationOf } from "../../core/model/index.js";
import type { DiskOperations, OperationContext, OperationWork } from "../../core/ports/index.js";
import { findChildren, type ImageFiles } from "../../formats/vhd/index.js";
import { knownAt } from "../../host/file-identity.js";
import { everyAsync } from "../../host/every-async.js";
import { DiskFreezer } from "./freeze-disks.js";
import type { ImageUsers } from "./image-users.js";
import type { MergeEngine } from "./merge-engine.js";
import { OverlayMerger } from "./merge-overlays.js";
import { DiskReverter } from "./revert-disks.js";

export interface BlktapTools {
  readonly files: ImageFiles;
  readonly users: ImageUsers;
  readonly engine: MergeEngine;
  /** Further folders to look into for images that stand on one of a domain's. */
  readonly imageFolders: readonly string[];
  /** How much a running guest's disk may be made to wait for while it is copied. */
  readonly stallLimitBytes?: number | undefined;
}

/** The disk operations on chains of VHDs. There are no copies to remove. */
export function blktapOperations(tools: BlktapTools): DiskOperations {
  const { files, users, engine, imageFolders, stallLimitBytes } = tools;
  const freezer = new DiskFreezer(files, users);
  const reverter = new DiskReverter(files, users);
  const merger = new OverlayMerger(files, users, engine, imageFolders, stallLimitBytes);
  return {
    "disks.snapshot": {
      run: ({ disks }, context) => freezer.freeze(disks, context),
      undo: ({ disks }, context) => freezer.thaw(disks, context),
      settle: async ({ disks }, { evidence }) => settled(await freezer.isFrozen(disks, evidence)),
    },
    "disks.stage": {
      run: ({ disks }, { evidence }) => reverter.stage(disks, evidence),
      undo: ({ disks }, { evidence }) => reverter.unstage(disks, evidence),
      settle: async ({ disks }, { evidence }) => settled(await reverter.isStaged(disks, evidence)),
    },
    "disks.revert": {
      async precheck({ disks, open = false }, { evidence }) {
        // A guest that is to be stopped first has the images open until then.
        if (!open) await reverter.assertReady(disks, evidence);
      },
      run: ({ disks }, { evidence }) => reverter.revert(disks, evidence),
      settle: async ({ disks }, { evidence }) =>
        settled(await reverter.isReverted(disks, evidence)),
    },
    "disks.merge": {
      commits: true,
      async precheck({ disks }, { evidence }) {
        for (const step of disks) await merger.assertReady(step, evidence);
      },
      async run({ disks }, context) {
        for (const step of disks) await merger.merge(step, context);
      },
      settle: async ({ disks }, { evidence }) =>
        settled(await everyAsync(disks, (step) => merger.isMerged(step, evidence))),
    },
    "disks.discard": discardImages(files),
  };
}

function discardImages(files: ImageFiles): OperationWork<OperationOf<"disks.discard">> {
  return {
    async run({ files: images }, context) {
      for (const image of images) {
        const reason = await reasonToKeep(files, image, context);
        if (reason === undefined) await files.unlink(image.path);
        else if (reason !== GONE) context.warn(`file '${image.path}' is left: ${reason}`);
      }
    },
    settle: async ({ files: images }, context) =>
      settled(
        await everyAsync(
          images,
          async (image) => (await reasonToKeep(files, image, context)) !== undefined,
        ),
      ),
  };
}

const GONE = "it is gone";

async function reasonToKeep(
  files: ImageFiles,
  { path }: ImageRef,
  { evidence }: OperationContext,
): Promise<string | undefined> {
  const identity = await files.identify(path);
  if (!identity) return GONE;
  if (identity.kind !== "file") return "it is a device";
  if (!knownAt(path, evidence).includes(identity.id))
    return "it is not the file that stood there when this was begun";
  const [child] = await findChildren(files, path);
  return child === undefined ? undefined : `'${child}' stands on it`;
}
