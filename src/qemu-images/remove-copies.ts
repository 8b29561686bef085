import { DomsnapError } from "../core/errors/index.js";
import { settled, type ImageRef, type OperationOf } from "../core/model/index.js";
import type { OperationWork } from "../core/ports/index.js";
import { everyAsync } from "../host/every-async.js";
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
    async run({ disks }, context) {
      for (const { copy, image, target } of copySteps(disks)) {
        if (isGone(copy)) {
          context.warn(`the copy '${copy.path}' of disk '${target}' was gone already`);
          continue;
        }
        if ((await realImagePath(copy.path)) === (await realImagePath(image.path)))
          throw new DomsnapError("internal-error", `'${copy.path}' is the image of the domain`);
        await unlinkUnneeded(copy, imageFolders, context);
      }
    },
    async settle({ disks }, context) {
      const isDropped = ({ copy }: { readonly copy: ImageRef }) =>
        isUnlinkedOrNeeded(copy, imageFolders, context);
      return settled(await everyAsync(copySteps(disks), isDropped));
    },
  };
}
