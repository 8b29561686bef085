import { DomsnapError } from "../../core/errors/index.js";
import { RANK, type ImageFormat, type ImageRef } from "../../core/model/index.js";
import type { ImageInfo, ImageInspector } from "../../core/ports/index.js";
import { readCopySource } from "../../host/copy-file.js";

/** Of raw images there is nothing to read but their size; no raw image stands on another. */
export const rawInspector: ImageInspector = {
  id: "raw",
  summary: "raw files and block devices",
  rank: (format: ImageFormat) => (format === "raw" ? RANK.native : undefined),
  async inspect(image: ImageRef): Promise<ImageInfo> {
    if (image.format !== "raw")
      throw new DomsnapError("disk-unsupported", `image '${image.path}' is not raw`);
    const source = await readCopySource(image.path);
    return {
      path: image.path,
      format: "raw",
      virtualSizeBytes: source.sizeBytes,
      allocatedBytes: source.allocatedBytes,
      snapshots: [],
    };
  },
  findDependents: () => Promise.resolve([]),
};
