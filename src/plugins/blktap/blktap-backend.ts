import type { DomainDisk, ImageRef } from "../../core/model/index.js";
import type {
  DiskBackend,
  DiskOperations,
  DiskVerdict,
  DiskWish,
  ImageInfo,
} from "../../core/ports/index.js";
import { isServedByTapdisk } from "../../plugin-kit/disk-facts.js";
import {
  generalRefusal,
  imageOfDisk,
  POSSIBLE,
  refuse,
  refuseEncrypted,
  refuseFor,
} from "../../plugin-kit/disk-verdict.js";
import {
  hostImageFiles,
  MAX_CHAIN_DEPTH,
  openChain,
  type ImageFiles,
} from "../../formats/vhd/index.js";
import { blktapOperations } from "./blktap-operations.js";
import { blktapProfile } from "./blktap-profile.js";
import { ImageUsers } from "./image-users.js";
import { assertExtensible, chainFormat } from "./new-overlay.js";
import { chooseEngine, type EngineChoice, type MergeEngine } from "./merge-engine.js";
import type { TapCtl } from "./tap-ctl.js";
import { VhdInspector } from "./vhd-inspector.js";

export interface BlktapBackendOptions extends EngineChoice {
  readonly files?: ImageFiles;
  readonly tapCtl?: TapCtl;
  /** Further folders to look into for images that stand on one of a domain's. */
  readonly imageFolders?: readonly string[];
  /** How much a running guest's disk may be made to wait for while it is copied. */
  readonly stallLimitBytes?: number;
}

/**
 * Keeps states of disks that tapdisk serves as chains of VHDs. VHD has no internal snapshots: each
 * snapshot is a frozen file with an overlay above it. Needs no program for guests that are off, and
 * `tap-ctl` to pause the disks of running ones.
 */
export class BlktapBackend implements DiskBackend {
  readonly id = blktapProfile.id;
  readonly summary = blktapProfile.summary;
  readonly externalKind = blktapProfile.externalKind;
  readonly defaultFormat = blktapProfile.defaultFormat;
  readonly offer = blktapProfile.offer;
  readonly forms = blktapProfile.forms;
  readonly keepsPaths = true;
  readonly longestChain = MAX_CHAIN_DEPTH;
  readonly operations: DiskOperations;
  readonly #files: ImageFiles;
  readonly #users: ImageUsers;
  readonly #engine: MergeEngine;
  readonly #inspector: VhdInspector;

  constructor(options: BlktapBackendOptions = {}) {
    this.#files = options.files ?? hostImageFiles;
    this.#users = new ImageUsers(this.#files, options.tapCtl);
    this.#engine = chooseEngine(this.#files, options);
    const imageFolders = options.imageFolders ?? [];
    this.#inspector = new VhdInspector(this.#files, imageFolders);
    this.operations = blktapOperations({
      files: this.#files,
      users: this.#users,
      engine: this.#engine,
      imageFolders,
      stallLimitBytes: options.stallLimitBytes,
    });
  }

  async assess(disk: DomainDisk, wish: DiskWish): Promise<DiskVerdict> {
    const refusal =
      generalRefusal(disk, { ...wish, live: false }) ??
      refuseForm(disk, wish) ??
      refuseEncrypted(disk) ??
      (wish.live ? await this.#refuseLive(disk, wish) : undefined);
    if (refusal) return refusal;
    const image = imageOfDisk(disk);
    if (!image) return refuse(`disk '${disk.target}' has no image`, "Leave it out.");
    try {
      await this.#assertWhole(image, wish);
      if (wish.verb === "delete") this.#engine.assertAvailable();
      if (!wish.live) await this.#users.assertUnused([image.path]);
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

  async #assertWhole(image: ImageRef, { verb }: DiskWish): Promise<void> {
    if (verb !== "delete") return assertExtensible(this.#files, image);
    const chain = await openChain(this.#files, image.path, chainFormat(image));
    await chain.close();
  }

  async #refuseLive(disk: DomainDisk, wish: DiskWish): Promise<DiskVerdict | undefined> {
    const name = `disk '${disk.target}'`;
    if (wish.verb === "revert")
      return refuse(`${name} is in use by the running guest`, "Shut the guest down first.");
    if (wish.verb === "create" && (disk.format ?? "raw") === "raw")
      return refuse(
        `${name} is raw and becomes a VHD at its first snapshot, which the running guest's configuration does not follow`,
        "Shut the guest down for the first snapshot.",
      );
    if (await this.#users.canPause()) return undefined;
    return refuse(
      `${name} is in use by tapdisk and tap-ctl was not found`,
      "Install the blktap tools, or shut the guest down first.",
    );
  }
}

function refuseForm(disk: DomainDisk, wish: DiskWish): DiskVerdict | undefined {
  const name = `disk '${disk.target}'`;
  const format = disk.format ?? "raw";
  if (!isServedByTapdisk(disk))
    return refuse(
      `${name} is a VHD that QEMU would serve, and QEMU silently misreads VHDs that stand on others`,
      "Give it <driver name='tap' type='vhd'/>, or convert it to qcow2.",
    );
  if (format !== "vhd" && format !== "raw")
    return refuse(
      `${name} has the format ${format}, which tapdisk cannot read`,
      "Use <driver name='qemu'/>, so that QEMU serves it.",
    );
  if (wish.mode === "internal")
    return refuse(
      `internal snapshot for disk ${disk.target} unsupported: VHD has no internal snapshots`,
      "Ask for an external one: snapshot='external', or --disk-only for all disks.",
    );
  if (wish.format !== undefined && wish.format !== "vhd")
    return refuse(
      `external snapshot format for disk ${disk.target} is unsupported: ${wish.format}`,
      "Use driver type 'vhd', or leave the format out.",
    );
  if (disk.type === "block")
    return refuse(
      `${name} is a block device, and a device cannot change its name`,
      "Use an image file, or a copy (driver type 'raw') of a raw device.",
    );
  return undefined;
}
