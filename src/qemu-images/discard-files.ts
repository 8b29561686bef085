import { settled, type ImageRef, type OperationOf } from "../core/model/index.js";
import type { OperationWork } from "../core/ports/index.js";
import { everyAsync } from "../host/every-async.js";
import { isUnlinkedOrNeeded, unlinkUnneeded } from "./unlink-unneeded.js";

/**
 * Carries out `disks.discard` where images are files that back on one another by their headers.
 * `imageFolders`: where else images may be that back on them.
 */
export function discardFiles(
  imageFolders: readonly string[],
): OperationWork<OperationOf<"disks.discard">> {
  return {
    async run({ files }, context) {
      for (const file of files) await unlinkUnneeded(file, imageFolders, context);
    },
    async settle({ files }, context) {
      const isDropped = (file: ImageRef) => isUnlinkedOrNeeded(file, imageFolders, context);
      return settled(await everyAsync(files, isDropped));
    },
  };
}
