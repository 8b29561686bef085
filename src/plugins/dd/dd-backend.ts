import type { DomainDisk, ImageRef } from "../../core/model/index.js";
import type {
  DiskBackend,
  DiskOperations,
  DiskVerdict,
  DiskWish,
  ImageInfo,
} from "../../core/ports/index.js";
import { findBackedBy } from "../../qemu-images/backing-chain.js";
import { assertFree } from "../../host/image-locks.js";
import { assertOneName, readCopySource } from "../../host/copy-file.js";
import {
  generalRefusal,
  imageOfDisk,
  POSSIBLE,
  refuse,
  refuseFor,
} from "../../plugin-kit/disk-verdict.js";
import { assertNotBackedOn } from "../../qemu-images/image-guard.js";
import { ddOperations } from "./dd-operations.js";
import { ddProfile } from "./dd-profile.js";
import { rawInspector } from "./raw-inspector.js";

export interface DdBackendOptions {
  /** Further folders to look into for images that back on a raw image. */
  readonly imageFolders?: readonly string[];
}

/**
 * Keeps states of raw files and block devices as whole copies beside them: the snapshot's file is
 * the frozen state, the domain keeps its image. Needs no more than `cp` and `dd`.
 */
export class DdBackend implements DiskBackend {
  readonly id = ddProfile.id;
  readonly summary = ddProfile.summary;
  readonly externalKind = ddProfile.externalKind;
  readonly defaultFormat = ddProfile.defaultFormat;
  readonly offer = ddProfile.offer;
  readonly forms = ddProfile.forms;
  readonly operations: DiskOperations;
  readonly #imageFolders: readonly string[];

  constructor(options: DdBackendOptions = {}) {
    this.#imageFolders = options.imageFolders ?? [];
    this.operations = ddOperations(this.#imageFolders);
  }

  async assess(disk: DomainDisk, wish: DiskWish): Promise<DiskVerdict> {
    const image = imageOfDisk(disk);
    const refusal = this.#refuseForm(disk, wish) ?? generalRefusal(disk, wish);
    if (refusal) return refusal;
    if (!image) return refuse(`disk '${disk.target}' has no image`, "Leave it out.");
    try {
      const source = await readCopySource(image.path);
      if (wish.verb === "revert") assertOneName(source);
      // A delete only removes copies of it.
      if (!wish.live && wish.verb !== "delete")
        await assertFree([{ path: image.path, use: wish.verb === "create" ? "read" : "replace" }]);
      if (wish.verb === "revert") await assertNotBackedOn(image, this.#imageFolders);
      return POSSIBLE;
    } catch (error) {
      return refuseFor(error);
    }
  }

  inspect(image: ImageRef): Promise<ImageInfo> {
    return rawInspector.inspect(image);
  }

  findDependents(image: ImageRef, candidates?: readonly string[]): Promise<readonly string[]> {
    return findBackedBy(image.path, this.#imageFolders, candidates);
  }

  #refuseForm(disk: DomainDisk, wish: DiskWish): DiskVerdict | undefined {
    const format = disk.format ?? "raw";
    if (wish.mode === "internal")
      return refuse(
        `internal snapshot for disk ${disk.target} unsupported for storage type ${format}`,
        "Ask for an external snapshot of this disk.",
      );
    if (format !== "raw" || (wish.format ?? "raw") !== "raw")
      return refuse(
        `disk '${disk.target}' can be copied as raw only, not from ${format} to ${wish.format ?? "raw"}`,
        "Ask for an external snapshot in the format qcow2.",
      );
    return undefined;
  }
}
