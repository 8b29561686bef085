import { RANK, type ImageFormat, type ImageRef } from "../../core/model/index.js";
import { asDomsnapError } from "../../core/errors/index.js";
import type { ImageFault, ImageInfo, ImageInspector } from "../../core/ports/index.js";
import {
  assertSettled,
  findChildren,
  hostImageFiles,
  openChain,
  openChainImage,
  parentOf,
  type ChainImage,
  type ImageFiles,
} from "../../formats/vhd/index.js";
import { readCopySource } from "../../host/copy-file.js";
import { chainFormat } from "./new-overlay.js";

/** Reads the chains that tapdisk serves: VHDs that stand on one another, and on raw images. */
export class VhdInspector implements ImageInspector {
  readonly id = "vhd";
  readonly summary = "VHDs and what they stand on";

  constructor(
    private readonly files: ImageFiles = hostImageFiles,
    private readonly imageFolders: readonly string[] = [],
  ) {}

  rank(format: ImageFormat): number | undefined {
    if (format === "vhd") return RANK.native;
    return format === "raw" ? RANK.generic : undefined;
  }

  async inspect(image: ImageRef): Promise<ImageInfo> {
    const opened = await openChainImage(this.files, image.path, chainFormat(image));
    try {
      assertSettled(opened);
      const parent = await parentOf(this.files, opened);
      return {
        path: image.path,
        format: image.format,
        virtualSizeBytes: opened.layer.sizeBytes,
        allocatedBytes: (await readCopySource(image.path)).allocatedBytes,
        ...(parent && {
          backing: { path: parent.path, format: parent.uuid === undefined ? "raw" : "vhd" },
        }),
        snapshots: [],
      };
    } finally {
      await opened.layer.close();
    }
  }

  async examine(image: ImageRef): Promise<readonly ImageFault[]> {
    try {
      const chain = await openChain(this.files, image.path, chainFormat(image));
      await chain.close();
      return isUnfinished(chain.top) ? [UNFINISHED] : [];
    } catch (thrown) {
      const { code, detail, hint, kind } = asDomsnapError(thrown);
      if (code !== "disk-unsupported") throw thrown;
      return [{ kind: "damaged", reason: detail, remedy: hint ?? kind.advice }];
    }
  }

  async findDependents(
    { path, format }: ImageRef,
    candidates: readonly string[] = [],
  ): Promise<readonly string[]> {
    // A VHD cannot stand on anything else, and each folder is read for the answer.
    if (format !== "vhd" && format !== "raw") return [];
    const folders = this.imageFolders.map((folder) => `${folder}/.`);
    return findChildren(this.files, path, [...candidates, ...folders]);
  }
}

const UNFINISHED: ImageFault = {
  kind: "unfinished",
  reason: "it has lost one of its two footers: it is open in a tapdisk, or one was killed",
  remedy: "Leave it: the next snapshot of the disk, or its guest, writes them.",
};

function isUnfinished(image: ChainImage): boolean {
  return image.kind === "sparse" && (image.footerMissing || !image.copy);
}
