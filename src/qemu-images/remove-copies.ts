import { DomsnapError } from "../core/errors/index.js";
import { settled, type ImageRef, type OperationOf } from "../core/model/index.js";
import type { OperationWork } from "../core/ports/index.js";
import { everyAsync } from "../host/every-async.js";
import { assertFree, isInUse } from "../host/image-locks.js";
import { realImagePath } from "./backing-chain.js";
import { copySteps } from "./copy-steps.js";
import { isGone, isUnlinkedOrNeeded, unlinkUnneeded } from "./unlink-unneeded.js";

/**
 * Carries out `disks.remove` where states are copies in files of their own. A copy that is gone is
 * told, one that something needs is left and told. `imageFolders`: see `discardFiles`.
 */
export function removeCopies(
  imageFolders: readonly string[],
): OperationWork<OperationOf<"disks.remove">> {
  return {
    commits: true,
    async precheck({ disks }) {
      const there = copySteps(disks).filter(({ copy }) => !isGone(copy));
      await assertFree(there.map(({ copy: { path } }) => ({ path, use: "replace" })));
    },
    async run({ disks }, context) {
      for (const { copy, image, target } of copySteps(disks)) {
        if (isGone(copy)) {
          context.warn(`the copy '${copy.path}' of disk '${target}' was gone already`);
          continue;
        }
        if ((await realImagePath(copy.path)) === (await realImagePath(image.path)))
          throw new DomsnapError("internal-error", `'${copy.path}' is the image of the domain`);
        if (await isInUse(copy.path)) {
          context.warn(`file '${copy.path}' is left: a program has it open`);
          continue;
        }
        await unlinkUnneeded(copy, imageFolders, context);
      }
    },
    async settle({ disks }, context) {
      const isDropped = async ({ copy }: { readonly copy: ImageRef }) =>
        (await isUnlinkedOrNeeded(copy, imageFolders, context)) || isInUse(copy.path);
      return settled(await everyAsync(copySteps(disks), isDropped));
    },
  };
}
