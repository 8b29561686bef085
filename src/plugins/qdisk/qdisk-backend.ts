import type { DomainDisk, ImageRef } from "../../core/model/index.js";
import type {
  DiskBackend,
  DiskOperations,
  DiskVerdict,
  DiskWish,
  ImageInfo,
} from "../../core/ports/index.js";
import { assertSafeChain, MAX_CHAIN_IMAGES } from "../../qemu-images/backing-chain.js";
import {
  generalRefusal,
  imageOfDisk,
  POSSIBLE,
  refuse,
  refuseEncrypted,
  refuseFor,
} from "../../plugin-kit/disk-verdict.js";
import { assertNotBackedOn } from "../../qemu-images/image-guard.js";
import { SoundImages } from "../../qemu-images/sound-images.js";
import { QemuImg } from "../../clients/qemu-img.js";
import { qdiskOperations } from "./qdisk-operations.js";
import { qdiskProfile } from "./qdisk-profile.js";
import { refuseBitmaps } from "./refuse-bitmaps.js";
import { QemuInspector } from "./qemu-inspector.js";

export interface QdiskBackendOptions {
  readonly qemuImg?: QemuImg;
  /** Further folders to look into for images that back on one of a domain's. */
  readonly imageFolders?: readonly string[];
}

/**
 * Keeps states of images as QEMU does: snapshots inside of qcow2 images, and overlays above images
 * of any format. Works on images that no QEMU has open.
 */
export class QdiskBackend implements DiskBackend {
  readonly id = qdiskProfile.id;
  readonly summary = qdiskProfile.summary;
  readonly externalKind = qdiskProfile.externalKind;
  readonly defaultFormat = qdiskProfile.defaultFormat;
  readonly offer = qdiskProfile.offer;
  readonly forms = qdiskProfile.forms;
  readonly longestChain = MAX_CHAIN_IMAGES;
  readonly operations: DiskOperations;
  readonly #qemuImg: QemuImg;
  readonly #sound: SoundImages;
  readonly #inspector: QemuInspector;
  readonly #imageFolders: readonly string[];

  constructor(options: QdiskBackendOptions = {}) {
    this.#qemuImg = options.qemuImg ?? new QemuImg();
    this.#imageFolders = options.imageFolders ?? [];
    this.#inspector = new QemuInspector({
      qemuImg: this.#qemuImg,
      imageFolders: this.#imageFolders,
    });
    this.#sound = new SoundImages(this.#qemuImg);
    this.operations = qdiskOperations({
      qemuImg: this.#qemuImg,
      sound: this.#sound,
      imageFolders: this.#imageFolders,
    });
  }

  async assess(disk: DomainDisk, wish: DiskWish): Promise<DiskVerdict> {
    const refusal = refuseForm(disk, wish) ?? refuseEncrypted(disk) ?? generalRefusal(disk, wish);
    if (refusal) return refusal;
    const image = imageOfDisk(disk);
    if (!image) return refuse(`disk '${disk.target}' has no image`, "Leave it out.");
    try {
      await assertSafeChain(image);
      const info = await this.#qemuImg.info(image, { shared: wish.live });
      const unfit = refuseBitmaps(disk, info, wish);
      if (unfit) return unfit;
      if (!wish.live && wish.verb !== "delete") await this.#sound.assertSound(image);
      if (wish.verb === "revert" && wish.mode === "internal")
        await assertNotBackedOn(image, this.#imageFolders);
      return POSSIBLE;
    } catch (error) {
      return refuseFor(error);
    }
  }

  inspect(image: ImageRef): Promise<ImageInfo> {
    return this.#inspector.inspect(image);
  }

  findDependents(image: ImageRef, candidates?: readonly string[]): Promise<readonly string[]> {
    return this.#inspector.findDependents(image, candidates);
  }
}

function refuseForm(disk: DomainDisk, wish: DiskWish): DiskVerdict | undefined {
  const format = disk.format ?? "raw";
  const local = disk.type === "file" || disk.type === "block";
  if (disk.driverName?.startsWith("tap") === true || format === "vhd")
    return refuse(
      `disk '${disk.target}' belongs to tapdisk, whose images QEMU's tools misread`,
      "Leave it out with snapshot='no'.",
    );
  if (wish.mode === "internal" && local && format !== "qcow2")
    return refuse(
      `internal snapshot for disk ${disk.target} unsupported for storage type ${format}`,
      "Ask for an external snapshot of this disk, or convert the image to qcow2.",
    );
  const overlay = wish.format ?? "qcow2";
  if (wish.mode === "external" && overlay !== "qcow2" && overlay !== "qed")
    return refuse(
      `external snapshot format for disk ${disk.target} is unsupported: ${overlay}`,
      "Ask for the format qcow2.",
    );
  return undefined;
}
