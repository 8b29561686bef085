import { DomsnapError } from "../core/errors/index.js";
import type { ImageRef } from "../core/model/index.js";
import { findBackedBy, realImagePath } from "./backing-chain.js";
import { probeFile } from "../host/probe-file.js";

/**
 * Throws `image-in-use` if any image but the `accepted` ones backs on `image`: writing to it would
 * silently change what they hold.
 */
export async function assertNotBackedOn(
  image: Pick<ImageRef, "path">,
  folders: readonly string[],
  accepted: readonly Pick<ImageRef, "path">[] = [],
): Promise<void> {
  const known = new Set<string>();
  for (const { path } of accepted)
    if (probeFile(path).kind !== "absent") known.add(await realImagePath(path));
  for (const dependent of await findBackedBy(image.path, folders))
    if (!known.has(await realImagePath(dependent)))
      throw new DomsnapError(
        "image-in-use",
        `image '${dependent}' backs on image '${image.path}' and would be destroyed`,
        { hint: "Delete the snapshots that were made later first." },
      );
}
