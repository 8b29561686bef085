import { QemuImg } from "../../clients/qemu-img.js";
import { RANK, type ImageFormat, type ImageRef } from "../../core/model/index.js";
import { asDomsnapError, type DomsnapError } from "../../core/errors/index.js";
import type { ImageFault, ImageInfo, ImageInspector } from "../../core/ports/index.js";
import { SoundImages } from "../../qemu-images/sound-images.js";
import {
  findBackedBy,
  readBacking,
  readOwnHeader,
  realImagePath,
} from "../../qemu-images/backing-chain.js";

export interface QemuInspectorOptions {
  readonly qemuImg?: QemuImg;
  /** Further folders to look into for images that back on another. */
  readonly imageFolders?: readonly string[];
}

/** Reads what qemu-img reads, but for VHDs: it misreads one that stands on another. */
export class QemuInspector implements ImageInspector {
  readonly id = "qemu-img";
  readonly summary = "qcow2, qed and what else qemu-img reads";
  readonly #qemuImg: QemuImg;
  readonly #sound: SoundImages;
  readonly #imageFolders: readonly string[];

  constructor({ qemuImg = new QemuImg(), imageFolders = [] }: QemuInspectorOptions = {}) {
    this.#qemuImg = qemuImg;
    this.#sound = new SoundImages(qemuImg);
    this.#imageFolders = imageFolders;
  }

  rank(format: ImageFormat): number | undefined {
    if (format === "vhd") return undefined;
    return format === "qcow2" || format === "qed" ? RANK.native : RANK.generic;
  }

  async inspect(image: ImageRef): Promise<ImageInfo> {
    await realImagePath(image.path);
    // Not the whole chain: an image whose backing file is gone can still be looked at.
    await readOwnHeader(image);
    return this.#qemuImg.info(image, { shared: true });
  }

  async below(image: ImageRef): Promise<ImageInfo["backing"]> {
    const { path, format } = image;
    if (format !== "qcow2" && format !== "qed") return (await this.inspect(image)).backing;
    await realImagePath(path);
    return readBacking(path);
  }

  async examine(image: ImageRef): Promise<readonly ImageFault[]> {
    try {
      const { damage, leaks } = await this.#sound.examine(image);
      return [
        ...(damage ? [damagedBy(damage)] : []),
        ...(leaks > 0 ? [leaking(image, leaks)] : []),
      ];
    } catch (thrown) {
      const error = asDomsnapError(thrown);
      // A guest that runs changes what would be looked at.
      if (error.code === "image-in-use") return [];
      throw error;
    }
  }

  findDependents({ path }: ImageRef, candidates?: readonly string[]): Promise<readonly string[]> {
    return findBackedBy(path, this.#imageFolders, candidates);
  }
}

function damagedBy({ detail, hint, kind }: DomsnapError): ImageFault {
  return { kind: "damaged", reason: detail, remedy: hint ?? kind.advice };
}

function leaking({ path, format }: ImageRef, leaks: number): ImageFault {
  return {
    kind: "leaks",
    reason: `${leaks} of its clusters belong to nothing`,
    remedy: `Run 'qemu-img check -r leaks -f ${format} ${path}', which frees them.`,
  };
}
